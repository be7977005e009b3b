/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GREASE pre_shared_key of ClientHelloOuter (RFC 9849, 6.1.2).
 */
#ifndef ECH_GREASE_PSK_H
#define ECH_GREASE_PSK_H

#include "ech/client_hello.h"
#include "ech/crypto.h"

/*
 * Writes extension data with random identities, ages and binders, each as long as the inner's.
 * ECH_ERR_DECODE: the inner data does not parse; ECH_ERR_CRYPTO: no randomness.
 */
ECH_MUST_USE enum ech_status ech_grease_psk(struct bytes inner_extension_data,
                                            const struct ech_random *random, struct writer *w);

#endif
