/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ECHSHIM_RESOLVER says of the program's own names. Pure; the stub asks it for every process.
 */
#ifndef SHIM_COMMON_PROTECTED_NAMES_H
#define SHIM_COMMON_PROTECTED_NAMES_H

#include <stdbool.h>

/*
 * Must names not be asked for in clear? True for tls:// and https://, and for whatever is neither
 * `system`, udp:// nor tcp://: it may be one of the two, misspelt. NULL and "" are `system`.
 */
bool shim_names_want_protection(const char *resolver);

#endif
