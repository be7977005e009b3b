/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An offer of ECH, for both hellos of a handshake (RFC 9849, 6.1 and 6.1.5). It keeps what the
 * second ClientHelloOuter must share with the first.
 */
#ifndef ECH_OFFER_H
#define ECH_OFFER_H

#include "ech/config.h"
#include "ech/exchange.h"
#include "ech/key_share.h"
#include "ech/library_hello.h"
#include "ech/outer.h"

/* OpenSSL 4.0 refuses a longer payload. */
enum { ECH_PAYLOAD_MAX = 1500 };
/* So the longest EncodedClientHelloInner, a multiple of 32 octets. */
enum { ECH_ENCODED_MAX = (ECH_PAYLOAD_MAX - ECH_AEAD_TAG) / 32 * 32 };

struct ech_offer {
    struct ech_hpke hpke;
    struct ech_hpke_suite suite;
    uint8_t config_id;
    uint8_t maximum_name_length;
    uint8_t public_name[ECH_PUBLIC_NAME_MAX];
    size_t public_name_length;
    uint8_t random[ECH_RANDOM_SIZE];
    struct writer pre_shared_key;   /* extension data of the GREASE PSK; empty without one */
    enum ech_outer_share share;     /* of the first hello */
    bool resealed;                  /* the first hello has the library's encoding, sealed again */
    bool like_library;              /* it is made in the likeness of the library's */
    bool by_library;                /* it is the library's, which has the HPKE context */
    struct ech_own_key_shares *own; /* for the outer handshake after a rejection; NULL: copied */
};

void ech_offer_init(struct ech_offer *offer);
/* Wipes and frees; the offer is as after ech_offer_init. */
void ech_offer_wipe(struct ech_offer *offer);
/* Wipes and frees our private keys alone: no outer handshake will follow. */
void ech_offer_drop_own_shares(struct ech_offer *offer);

/*
 * Seals the first ClientHelloInner with the chosen config (nothing of it stays borrowed) and writes
 * ClientHelloOuter with its handshake header. If the library has sealed the inner hello itself
 * (`made`; empty or NULL: it has not), the outer hello is made in the likeness of the library's. If
 * key_share is copied too, the encoding is the library's own where that gives the same inner hello.
 * If the library has sealed that to the chosen config, and all else is as here too, its
 * ClientHelloOuter is the result.
 * ECH_ERR_SPACE: the payload would be too large; ECH_ERR_UNSUPPORTED: own key shares were asked for
 * and cannot be made; ECH_ERR_CRYPTO, ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status
ech_offer_first(struct ech_offer *offer, const struct ech_client_hello *inner,
                const struct ech_library_hello *made, const struct ech_config_choice *choice,
                const struct ech_exchange_options *options, struct writer *client_hello_outer);
/*
 * The same for the hello after a HelloRetryRequest that accepted ECH. key_share is always the
 * inner's: the server uses the inner hello now, and the outer one must show the group that it asked
 * for. If the first one was the library's, the second one is, too; ECH_ERR_ILLEGAL: it cannot be.
 */
ECH_MUST_USE enum ech_status ech_offer_second(struct ech_offer *offer,
                                              const struct ech_client_hello *inner,
                                              const struct ech_library_hello *made,
                                              const struct ech_exchange_options *options,
                                              struct writer *client_hello_outer);

#endif
