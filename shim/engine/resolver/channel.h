/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine brings for the connection to an encrypted resolver (dns/encrypted/channel.h): the
 * real functions of GnuTLS, the trust anchors, ECH, and the handlers of a fork.
 */
#ifndef SHIM_ENGINE_RESOLVER_CHANNEL_H
#define SHIM_ENGINE_RESOLVER_CHANNEL_H

#include "dns/encrypted/channel.h"
#include "shim/common/abi.h"
#include "shim/engine/settings/settings.h"

/*
 * The channel for a resolver, which is an encrypted one; it lives until the process
 * ends, and so must what is given. Connects to nobody yet. NULL: no memory, or this libgnutls has
 * not all that is needed.
 */
ECH_MUST_USE struct dns_channel *shim_resolver_channel(const struct dns_resolver *resolver,
                                                       const struct shim_stub *stub,
                                                       const struct dns_io *io);

/* Is this the very string with which a channel asks the C library where its resolver is? */
bool shim_resolver_channel_asks(const char *name);

#endif
