/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of a client-facing server (RFC 9849, 7.1 and 7.1.1) that opens ClientHelloOuter, for the
 * hellos that a TLS library sealed to a local config (ech/local_config.h). It serves both hellos of
 * one handshake.
 */
#ifndef ECH_CLIENT_FACING_H
#define ECH_CLIENT_FACING_H

#include "ech/local_config.h"

/* What a library was seen to seal, to a server's ECHConfig in place of the local one. */
struct ech_seen_sealing {
    struct bytes ech_config; /* of the server */
    struct bytes payload;
    struct bytes encoded_client_hello_inner; /* with its padding */
};

struct ech_client_facing {
    struct ech_local_key key;
    struct writer ech_config_list;
    struct ech_hpke hpke;
    bool has_context; /* hpke is of the first hello */
    bool opened;      /* the first hello was opened */
    /* The octets of a struct ech_seen_sealing, for the next hello, one after the other. */
    struct writer seen;
    size_t seen_ech_config;
    size_t seen_payload;
};

void ech_client_facing_init(struct ech_client_facing *server);
/* Wipes and frees; afterwards it is as after ech_client_facing_init. */
void ech_client_facing_wipe(struct ech_client_facing *server);

/* Takes the key (a copy) and makes ech_config_list, which stays where it is until
 * ech_client_facing_wipe. ECH_ERR_SPACE, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_client_facing_start(struct ech_client_facing *server,
                                                     const struct ech_local_key *key,
                                                     struct bytes public_name,
                                                     uint8_t maximum_name_length);

/* What was seen of the next hello; copied. It counts if that hello has the same payload. Then the
 * key of the local config does not open it, and need not. */
void ech_client_facing_saw(struct ech_client_facing *server, const struct ech_seen_sealing *seen);

/*
 * Opens ClientHelloOuter, a handshake message with its header, and writes the
 * EncodedClientHelloInner in it, without its padding, and ClientHelloInner. *sealed_to gets the
 * server's ECHConfig if it is sealed to that. The second call takes the hello after a
 * HelloRetryRequest: the same HPKE context, enc empty (RFC 9849, 6.1.5). The caller owns and wipes
 * the writers.
 *
 * ECH_ERR_DECODE: it does not parse. ECH_ERR_ILLEGAL: it is not sealed to this config, or breaks a
 * rule of ech_decode_inner. ECH_ERR_CRYPTO: the payload does not open. ECH_ERR_SPACE,
 * ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_client_facing_open(struct ech_client_facing *server,
                                                    struct bytes client_hello_outer,
                                                    struct writer *encoded_client_hello_inner,
                                                    struct writer *sealed_to,
                                                    struct writer *client_hello_inner);

#endif
