/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's part of the connection to an encrypted resolver (dns/encrypted/channel.h): the real
 * functions of GnuTLS, the trust anchors, and ECH.
 */
#ifndef SHIM_ENGINE_RESOLVER_CHANNEL_H
#define SHIM_ENGINE_RESOLVER_CHANNEL_H

#include "dns/encrypted/channel.h"
#include "shim/common/abi.h"
#include "shim/engine/settings/settings.h"

/*
 * Makes the channel of an encrypted resolver. It lives until the process ends, and all arguments
 * have to live as long. Does not connect yet. NULL: no memory, or a function is missing in this
 * libgnutls.
 */
ECH_MUST_USE struct dns_channel *shim_resolver_channel(const struct dns_secure_server *server,
                                                       const struct shim_stub *stub,
                                                       const struct dns_io *io);

/* Is this the very pointer with which a channel asks the C library for its resolver's address? */
bool shim_resolver_channel_asks(const char *name);

#endif
