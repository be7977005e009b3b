/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ECHSHIM_RESOLVER says about the program's own names. Pure; the stub asks in every process.
 */
#ifndef SHIM_COMMON_PROTECTED_NAMES_H
#define SHIM_COMMON_PROTECTED_NAMES_H

#include <stdbool.h>

/*
 * Must names not go out in the clear? False only for `system`, udp://, tcp:// and a list of these.
 * True if a tls:// or https:// is in it, or anything else, which may be a misspelt one of these.
 * NULL and "" mean `system`.
 */
bool shim_names_want_protection(const char *resolver);

#endif
