/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ServerHello and HelloRetryRequest of the outer handshake, and the second ClientHelloOuter. */
#include "ech/message_hash.h"
#include "ech/tls13_state.h"

/* ---- the second ClientHelloOuter ---- */

static void write_share(struct writer *w, uint16_t group, struct bytes public_key)
{
    wr_u16(w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    wr_u16(w, group);
    struct wr_mark key = wr_open(w, 2);
    wr_bytes(w, public_key);
    wr_close(w, key);
    wr_close(w, list);
    wr_close(w, data);
}

/*
 * RFC 8446, 4.1.2: the first hello with the share that was asked for, the cookie, and without early
 * data. encrypted_client_hello stays unchanged, as with GREASE ECH (RFC 9849, 6.2.1): there is
 * nothing to seal for a server that took the outer hello. The GREASE PSK also stays, as the last
 * extension.
 */
static void write_extensions(const struct ech_client_hello *first,
                             const struct ech_tls13_retry *retry, struct bytes public_key,
                             struct writer *w)
{
    bool cookie_due = retry->cookie.len > 0;
    for (size_t i = 0; i < first->extension_count; i++) {
        const struct ech_extension *extension = &first->extensions[i];
        if (extension->type == ECH_EXT_PRE_SHARED_KEY && cookie_due) {
            ech_extension_write(w, ECH_EXT_COOKIE, retry->cookie);
            cookie_due = false;
        }
        if (extension->type == ECH_EXT_KEY_SHARE && retry->has_group) {
            write_share(w, retry->group, public_key);
        } else if (extension->type != ECH_EXT_EARLY_DATA && extension->type != ECH_EXT_COOKIE) {
            wr_bytes(w, extension->raw);
        }
    }
    if (cookie_due) {
        ech_extension_write(w, ECH_EXT_COOKIE, retry->cookie);
    }
}

static void write_second_hello(const struct ech_client_hello *first,
                               const struct ech_tls13_retry *retry, struct bytes public_key,
                               struct writer *w)
{
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, first->legacy_version);
    wr_bytes(w, first->random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, first->legacy_session_id);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, first->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, first->legacy_compression_methods);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    write_extensions(first, retry, public_key, w);
    wr_close(w, mark);
    wr_close(w, body);
}

/* ---- HelloRetryRequest ---- */

/* RFC 8446, 4.4.1: a hash takes the place of the first ClientHello. */
static enum ech_status restart_transcript(struct ech_tls13 *x, struct bytes hello_retry_request)
{
    struct ech_message_hash first;
    enum ech_status status = ech_message_hash_make(x->hash, wr_view(&x->outer.transcript), &first);
    if (status == ECH_OK) {
        wr_free(&x->outer.transcript);
        wr_bytes(&x->outer.transcript, bytes_of(first.octets, first.len));
        wr_bytes(&x->outer.transcript, hello_retry_request);
    }
    return status;
}

/* Replaces all key pairs by one for the group that the server asked for. */
static enum ech_status renew_share(struct ech_tls13 *x, uint16_t group, uint8_t *public_key)
{
    ech_own_key_shares_wipe(&x->own);
    x->own.count = 1;
    x->own.shares[0].group = group;
    return ech_dh_generate(group, &x->outer.random, x->own.shares[0].private_key, public_key);
}

/* The key of a group that the engine has not (post-quantum) is the library's. */
static enum ech_status make_share(struct ech_tls13 *x, uint16_t group, struct writer *public_key)
{
    uint8_t octets[ECH_DH_PUBLIC_MAX];
    if (ech_dh_public_size(group) == 0) {
        ech_own_key_shares_wipe(&x->own);
        return x->program_keys.make(x->program_keys.context, group, public_key);
    }
    enum ech_status status = renew_share(x, group, octets);
    if (status != ECH_OK) {
        return status;
    }
    wr_bytes(public_key, bytes_of(octets, ech_dh_public_size(group)));
    return wr_finish(public_key);
}

static enum ech_status send_second_hello(struct ech_tls13 *x, const struct ech_tls13_retry *retry,
                                         struct bytes public_key)
{
    struct writer second;
    wr_init(&second, 0);
    write_second_hello(&x->outer.hello, retry, public_key, &second);
    enum ech_status status = wr_finish(&second);
    if (status != ECH_OK) {
        wr_free(&second);
        return status;
    }
    wr_bytes(&x->outer.transcript, wr_view(&second));
    ech_tls13_change_cipher_spec(x);
    ech_records_write(&x->outer.to_net, ECH_TLS12, wr_view(&second));
    wr_free(&x->outer.client_hello);
    x->outer.client_hello = second;
    return ech_client_hello_parse(wr_view(&x->outer.client_hello), &x->outer.hello);
}

static enum ech_alert take_retry(struct ech_tls13 *x, const struct ech_server_hello *hello)
{
    struct ech_tls13_retry retry;
    enum ech_alert alert = ech_tls13_retry_read(hello, &x->outer.hello, &retry);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    x->outer.facts.hello_retry_request = true;
    struct writer public_key;
    wr_init(&public_key, ECH_HELLO_MAX);
    bool foreign = retry.has_group && ech_dh_public_size(retry.group) == 0;
    enum ech_status status = ECH_OK;
    if (retry.has_group) {
        status = foreign && x->program_keys.make == NULL ? ECH_ERR_UNSUPPORTED
                                                         : make_share(x, retry.group, &public_key);
    }
    if (status != ECH_OK && foreign) {
        wr_free(&public_key);
        x->outer.facts.failure = ECH_OUTER_FAILURE_GROUP;
        return ECH_ALERT_HANDSHAKE_FAILURE;
    }
    if (status == ECH_OK) {
        status = restart_transcript(x, hello->message);
    }
    if (status == ECH_OK) {
        status = send_second_hello(x, &retry, wr_view(&public_key));
    }
    wr_free(&public_key);
    return ech_outer_check(&x->outer, status);
}

/* ---- ServerHello ---- */

static enum ech_alert agree_with(uint16_t group, const uint8_t *private_key, struct bytes peer,
                                 struct writer *shared)
{
    uint8_t secret[ECH_DH_SHARED_MAX];
    enum ech_status status =
        ech_dh(group, bytes_of(private_key, ech_dh_private_size(group)), peer, secret);
    if (status == ECH_OK) {
        wr_bytes(shared, bytes_of(secret, ech_dh_shared_size(group)));
    }
    ech_wipe(secret, sizeof secret);
    return status == ECH_OK ? ECH_ALERT_NONE : ECH_ALERT_ILLEGAL_PARAMETER;
}

/* The engine's own private key for this group; NULL if it has none. */
static const uint8_t *own_key(const struct ech_tls13 *x, uint16_t group)
{
    for (size_t i = 0; i < x->own.count; i++) {
        if (x->own.shares[i].group == group) {
            return x->own.shares[i].private_key;
        }
    }
    return NULL;
}

/* The shared secret, if the group is in our hello and the server's octets are a public key of it.
 */
static enum ech_alert agree(const struct ech_tls13 *x, const struct ech_key_share_entry *share,
                            struct writer *shared)
{
    const uint8_t *own = own_key(x, share->group);
    if (own != NULL) {
        return agree_with(share->group, own, share->key_exchange, shared);
    }
    switch (ech_program_keys_agree(&x->program_keys, &x->outer.hello, share, shared)) {
    case ECH_OK:
        return ECH_ALERT_NONE;
    case ECH_ERR_ILLEGAL:
        return ECH_ALERT_ILLEGAL_PARAMETER;
    default:
        return ECH_ALERT_INTERNAL_ERROR;
    }
}

static enum ech_status start_protection(struct ech_tls13 *x, struct bytes shared)
{
    uint8_t transcript_hash[ECH_HASH_MAX];
    enum ech_status status = ech_outer_transcript(&x->outer, x->hash, transcript_hash);
    if (status == ECH_OK) {
        status = ech_tls13_secrets_handshake(&x->secrets, x->hash, shared, transcript_hash);
    }
    if (status == ECH_OK) {
        status = ech_tls13_protection_start(&x->from_server, x->cipher_suite, x->secrets.server);
    }
    if (status == ECH_OK) {
        status = ech_tls13_protection_start(&x->to_server, x->cipher_suite, x->secrets.client);
    }
    x->is_protected = status == ECH_OK;
    return status;
}

static enum ech_alert take_server_hello(struct ech_tls13 *x, const struct ech_server_hello *hello)
{
    struct ech_key_share_entry share;
    struct writer shared;
    enum ech_status status = ECH_OK;
    enum ech_alert alert = ech_tls13_server_hello_read(hello, &x->outer.hello, &share);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (own_key(x, share.group) == NULL &&
        !ech_program_keys_suffice(&x->program_keys, &x->outer.hello, hello)) {
        /* After a HelloRetryRequest with a cookie alone: some keys are known, and not this one. */
        x->outer.facts.failure = ECH_OUTER_FAILURE_GROUP;
        return ECH_ALERT_HANDSHAKE_FAILURE;
    }
    wr_init(&shared, 0);
    alert = agree(x, &share, &shared);
    if (alert == ECH_ALERT_NONE) {
        status = wr_finish(&shared);
    }
    if (alert == ECH_ALERT_NONE && status == ECH_OK) {
        wr_bytes(&x->outer.transcript, hello->message);
        status = start_protection(x, wr_view(&shared));
        ech_own_key_shares_wipe(&x->own);
        x->phase = ECH_TLS13_ENCRYPTED_EXTENSIONS;
    }
    wr_wipe(&shared);
    return alert == ECH_ALERT_NONE ? ech_outer_check(&x->outer, status) : alert;
}

/* The rules for both. RFC 8446, 4.1.4: the suite of the HelloRetryRequest stays. */
static enum ech_alert check_hello(struct ech_tls13 *x, const struct ech_server_hello *hello,
                                  bool excess)
{
    if (!hello->has_supported_versions) {
        return ECH_ALERT_PROTOCOL_VERSION;
    }
    /* RFC 8446, 5.1: nothing follows before a change of keys, nor after a HelloRetryRequest. */
    if (excess || (hello->is_hello_retry_request && x->outer.facts.hello_retry_request)) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (!ech_server_hello_fits(hello, &x->outer.hello) || hello->selected_version != ECH_TLS13 ||
        (x->outer.facts.hello_retry_request && hello->cipher_suite != x->cipher_suite)) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    x->cipher_suite = hello->cipher_suite;
    return ech_outer_check(&x->outer, ech_suite_hash(hello->cipher_suite, &x->hash));
}

enum ech_alert ech_tls13_take_hello(struct ech_tls13 *x, const struct ech_received *received)
{
    struct ech_server_hello hello;
    if (received->type != ECH_HANDSHAKE_SERVER_HELLO) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    enum ech_status status = ech_server_hello_parse(received->message, &hello);
    if (status != ECH_OK) {
        return status == ECH_ERR_ILLEGAL ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_DECODE_ERROR;
    }
    enum ech_alert alert = check_hello(x, &hello, received->excess);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    return hello.is_hello_retry_request ? take_retry(x, &hello) : take_server_hello(x, &hello);
}
