/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts our service into the "hosts" line of nsswitch.conf. The services that know names by
 * themselves come first, as before; then ours; then those that ask the network, for the names that
 * ours leaves to them. Pure.
 */
#ifndef SHIM_ENGINE_NAMES_NSSWITCH_H
#define SHIM_ENGINE_NAMES_NSSWITCH_H

#include <stdbool.h>
#include <stddef.h>

#include "ech/status.h"
#include "ech/wire.h"

/* The NSS service of this library: libnss_echshim.so.2. */
#define SHIM_NAMES_SERVICE "echshim"

/*
 * Writes the line (without "hosts:") as a string of at most `size` octets. `nsswitch_conf` is the
 * text of the file; without such a line it counts as "files dns", as in glibc. `local_only`: leaves
 * out ours and all that ask the network. ECH_ERR_SPACE.
 */
ECH_MUST_USE enum ech_status shim_names_services(struct bytes nsswitch_conf, bool local_only,
                                                 char *line, size_t size);

#endif
