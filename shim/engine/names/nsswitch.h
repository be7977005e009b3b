/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The "hosts" line of nsswitch.conf with ourselves in it: what this machine knows by itself is
 * asked first, as before; then us; and only then whoever would ask the network, for the names that
 * we leave to them. Pure.
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
 * Writes the line (without "hosts:") as a string of `size` octets at most. `nsswitch_conf`: the
 * text of the file; without such a line "files dns" is meant, as glibc means it. `local_only`: none
 * of the services that would ask the network, nor us. ECH_ERR_SPACE.
 */
ECH_MUST_USE enum ech_status shim_names_services(struct bytes nsswitch_conf, bool local_only,
                                                 char *line, size_t size);

#endif
