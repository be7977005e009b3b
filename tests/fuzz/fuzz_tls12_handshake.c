/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine of the outer handshake of TLS 1.2 against a server that says anything at any time.
 * The first octet chooses the suite and what ServerHello settles. Then comes a list of actions: an
 * octet, a length of two octets, and so many octets:
 *   0  octets for the network as they are        1  a record in the clear, its type first
 *   2  a good first flight, up to the message whose number comes first
 *   3  a protected record, its type first        4  good change_cipher_spec and Finished
 *   5  the message of a handshake in the clear   other: the transport ends
 * What was authenticated only in looks must never yield a verdict but FAILED: the verifier says no
 * to every chain whose leaf does not begin with 'g', and to empty signatures.
 */
#include <stdlib.h>

#include "ech/tls12_handshake.h"
#include "ech/tls12_keys.h"
#include "ech/tls12_messages.h"

static const uint8_t private_key[32] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint16_t suites[] = {0xc02b, 0xcca9, 0xc00a, 0xc024};
enum { SUITES = sizeof suites / sizeof suites[0] };
enum { EXTENDED_MASTER_SECRET = 4, ENCRYPT_THEN_MAC = 8, TICKET = 16, STATUS = 32 };

struct fuzz {
    struct ech_outer_handshake *client;
    const struct ech_tls12_suite *suite;
    uint8_t flags;
    struct writer hello;
    struct writer transcript;
    uint8_t master[ECH_TLS12_MASTER_SECRET];
    struct ech_tls12_protection to_client;
    struct ech_tls12_protection from_client;
    bool has_keys;
    bool is_protected;
    bool chain_good;
    bool signature_good;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(i + 1);
    }
    return ECH_OK;
}
static const struct ech_random fixed = {.fill = fill};

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    struct fuzz *fuzz = context;
    (void)public_name;
    require(count > 0 && certificates[0].len > 0);
    fuzz->chain_good = certificates[0].data[0] == 'g';
    return fuzz->chain_good ? ECH_ALERT_NONE : ECH_ALERT_UNKNOWN_CA;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    struct fuzz *fuzz = context;
    (void)scheme;
    require(version == ECH_TLS12 && certificate.data[0] == 'g' && content.len > 64);
    fuzz->signature_good = signature.len > 0;
    return fuzz->signature_good ? ECH_ALERT_NONE : ECH_ALERT_DECRYPT_ERROR;
}

/* ---- what both sides write ---- */

static void put_random(struct writer *w)
{
    for (size_t i = 0; i < ECH_RANDOM_SIZE; i++) {
        wr_u8(w, (uint8_t)i);
    }
}

static void write_client_hello(struct writer *w)
{
    static const uint8_t versions[] = {4, 3, 4, 3, 3};
    static const uint8_t groups[] = {0, 6, 0, 29, 0, 23, 1, 0};
    static const uint8_t schemes[] = {0, 6, 4, 3, 8, 4, 4, 1};
    static const uint8_t status[] = {1, 0, 0, 0, 0};
    static const uint16_t flags[] = {ECH_EXT_EXTENDED_MASTER_SECRET, ECH_EXT_ENCRYPT_THEN_MAC,
                                     ECH_EXT_SESSION_TICKET};
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, ECH_TLS12);
    put_random(w);
    wr_u8(w, 1);
    wr_u8(w, 0x77);
    struct wr_mark list = wr_open(w, 2);
    wr_u16(w, 0x1301);
    for (size_t i = 0; i < SUITES; i++) {
        wr_u16(w, suites[i]);
    }
    wr_u16(w, 0x009d);
    wr_close(w, list);
    wr_u16(w, 0x0100);
    list = wr_open(w, 2);
    ech_extension_write(w, ECH_EXT_SUPPORTED_VERSIONS, bytes_of(versions, sizeof versions));
    ech_extension_write(w, ECH_EXT_SUPPORTED_GROUPS, bytes_of(groups, sizeof groups));
    ech_extension_write(w, ECH_EXT_SIGNATURE_ALGORITHMS, bytes_of(schemes, sizeof schemes));
    ech_extension_write(w, ECH_EXT_STATUS_REQUEST, bytes_of(status, sizeof status));
    for (size_t i = 0; i < 3; i++) {
        ech_extension_write(w, flags[i], bytes_of(NULL, 0));
    }
    wr_close(w, list);
    wr_close(w, body);
}

static void give(struct fuzz *fuzz, struct writer *w)
{
    (void)!ech_outer_from_net(fuzz->client, wr_view(w));
    wr_free(w);
}

static void put_record(struct fuzz *fuzz, uint8_t type, struct bytes content)
{
    struct writer w;
    wr_init(&w, 1 << 20);
    if (fuzz->is_protected) {
        (void)!ech_tls12_protect(&fuzz->to_client, &fixed, type, content, &w);
    } else {
        wr_u8(&w, type);
        wr_u16(&w, ECH_TLS12);
        struct wr_mark mark = wr_open(&w, 2);
        wr_bytes(&w, content);
        wr_close(&w, mark);
    }
    give(fuzz, &w);
}

static void put_message(struct fuzz *fuzz, uint8_t type, struct bytes body)
{
    struct writer w;
    wr_init(&w, 1 << 20);
    wr_u8(&w, type);
    struct wr_mark mark = wr_open(&w, 3);
    wr_bytes(&w, body);
    wr_close(&w, mark);
    put_record(fuzz, ECH_RECORD_HANDSHAKE, wr_view(&w));
    wr_bytes(&fuzz->transcript, wr_view(&w));
    wr_free(&w);
}

/* ---- the server's flights ---- */

static void write_server_hello(const struct fuzz *fuzz, struct writer *w)
{
    struct bytes nothing = bytes_of(NULL, 0);
    wr_u16(w, ECH_TLS12);
    put_random(w);
    wr_u8(w, 0);
    wr_u16(w, fuzz->suite->id);
    wr_u8(w, 0);
    struct wr_mark list = wr_open(w, 2);
    if ((fuzz->flags & EXTENDED_MASTER_SECRET) != 0) {
        ech_extension_write(w, ECH_EXT_EXTENDED_MASTER_SECRET, nothing);
    }
    if ((fuzz->flags & ENCRYPT_THEN_MAC) != 0) {
        ech_extension_write(w, ECH_EXT_ENCRYPT_THEN_MAC, nothing);
    }
    if ((fuzz->flags & TICKET) != 0) {
        ech_extension_write(w, ECH_EXT_SESSION_TICKET, nothing);
    }
    if ((fuzz->flags & STATUS) != 0) {
        ech_extension_write(w, ECH_EXT_STATUS_REQUEST, nothing);
    }
    wr_close(w, list);
}

static void write_key_exchange(struct writer *w)
{
    static const uint8_t signature[] = {4, 3, 0, 1, 1};
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    require(ech_dh_public(ECH_GROUP_X25519, bytes_of(private_key, 32), public_key) == ECH_OK);
    wr_u8(w, 3);
    wr_u16(w, ECH_GROUP_X25519);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, bytes_of(public_key, 32));
    wr_close(w, mark);
    wr_bytes(w, bytes_of(signature, sizeof signature));
}

/* The client's private key comes from `fill`, so its flight is known: ClientKeyExchange is in
 * to_net. */
static void take_client_flight(struct fuzz *fuzz)
{
    struct bytes out = ech_outer_to_net(fuzz->client);
    struct reader r = rd_of(out);
    struct reader record;
    struct reader body;
    struct reader point;
    struct bytes head;
    uint8_t shared[ECH_DH_SHARED_MAX];
    uint8_t hash[ECH_HASH_MAX];
    uint8_t octets[ECH_RANDOM_SIZE];
    uint8_t type;
    while (!fuzz->has_keys && rd_bytes(&r, 3, &head) && rd_vec16(&r, &record)) {
        struct bytes message = rd_rest(&record);
        if (head.data[0] != ECH_RECORD_HANDSHAKE) {
            continue;
        }
        wr_bytes(&fuzz->transcript, message);
        if (!rd_u8(&record, &type) || type != ECH_HANDSHAKE_CLIENT_KEY_EXCHANGE ||
            !rd_vec24(&record, &body) || !rd_vec8(&body, &point) ||
            ech_dh(ECH_GROUP_X25519, bytes_of(private_key, 32), rd_rest(&point), shared) !=
                ECH_OK) {
            continue;
        }
        struct bytes messages = wr_view(&fuzz->transcript);
        for (size_t i = 0; i < ECH_RANDOM_SIZE; i++) {
            octets[i] = (uint8_t)i;
        }
        const struct ech_tls12_randoms randoms = {.client = bytes_of(octets, sizeof octets),
                                                  .server = bytes_of(octets, sizeof octets)};
        enum ech_hash kind = fuzz->suite->hash;
        require(ech_hash_parts(kind, &messages, 1, hash) == ECH_OK);
        require(((fuzz->flags & EXTENDED_MASTER_SECRET) != 0
                     ? ech_tls12_extended_master_secret(kind, bytes_of(shared, 32),
                                                        bytes_of(hash, ech_hash_size(kind)),
                                                        fuzz->master)
                     : ech_tls12_master_secret(kind, bytes_of(shared, 32), &randoms,
                                               fuzz->master)) == ECH_OK);
        require(ech_tls12_protection_start(fuzz->suite, (fuzz->flags & ENCRYPT_THEN_MAC) != 0,
                                           fuzz->master, &randoms, &fuzz->from_client,
                                           &fuzz->to_client) == ECH_OK);
        fuzz->has_keys = true;
    }
    /* The client's Finished, protected, ends its flight. */
    while (fuzz->has_keys && rd_bytes(&r, 3, &head) && rd_vec16(&r, &record)) {
        if (head.data[0] == ECH_RECORD_HANDSHAKE) {
            struct bytes content;
            struct writer opened;
            struct ech_record whole = {
                .type = head.data[0], .version = ECH_TLS12, .fragment = rd_rest(&record)};
            wr_init(&opened, 0);
            /* With messages that the client did not take, the keys are not the client's. */
            if (ech_tls12_unprotect(&fuzz->from_client, &whole, &opened, &content) ==
                ECH_ALERT_NONE) {
                wr_bytes(&fuzz->transcript, content);
            }
            wr_free(&opened);
        }
    }
    ech_outer_net_took(fuzz->client, out.len);
}

/* ServerHello, Certificate, ServerKeyExchange, ServerHelloDone: the first `count` of them. */
static void first_flight(struct fuzz *fuzz, uint8_t count)
{
    static const uint8_t certificate[] = {0, 0, 4, 0, 0, 1, 'g'};
    struct writer w;
    wr_init(&w, 0);
    if (fuzz->is_protected) {
        return;
    }
    if (count > 0) {
        write_server_hello(fuzz, &w);
        put_message(fuzz, ECH_HANDSHAKE_SERVER_HELLO, wr_view(&w));
        wr_free(&w);
    }
    if (count > 1) {
        put_message(fuzz, ECH_HANDSHAKE_CERTIFICATE, bytes_of(certificate, sizeof certificate));
    }
    if (count > 2) {
        write_key_exchange(&w);
        put_message(fuzz, ECH_HANDSHAKE_SERVER_KEY_EXCHANGE, wr_view(&w));
        wr_free(&w);
    }
    if (count > 3) {
        put_message(fuzz, ECH_HANDSHAKE_SERVER_HELLO_DONE, bytes_of(NULL, 0));
    }
}

static void finished(struct fuzz *fuzz)
{
    uint8_t hash[ECH_HASH_MAX];
    uint8_t verify_data[ECH_TLS12_VERIFY_DATA];
    static const uint8_t change[] = {1};
    take_client_flight(fuzz);
    if (!fuzz->has_keys || fuzz->is_protected) {
        return;
    }
    struct bytes messages = wr_view(&fuzz->transcript);
    enum ech_hash kind = fuzz->suite->hash;
    require(ech_hash_parts(kind, &messages, 1, hash) == ECH_OK &&
            ech_tls12_verify_data(kind, fuzz->master, "server finished",
                                  bytes_of(hash, ech_hash_size(kind)), verify_data) == ECH_OK);
    put_record(fuzz, ECH_RECORD_CHANGE_CIPHER_SPEC, bytes_of(change, 1));
    fuzz->is_protected = true;
    put_message(fuzz, ECH_HANDSHAKE_FINISHED, bytes_of(verify_data, sizeof verify_data));
}

static void act(struct fuzz *fuzz, uint8_t action, struct reader *octets)
{
    uint8_t type;
    switch (action) {
    case 0:
        (void)!ech_outer_from_net(fuzz->client, rd_rest(octets));
        break;
    case 1:
    case 3:
        if (rd_u8(octets, &type) && fuzz->is_protected == (action == 3)) {
            put_record(fuzz, type, rd_rest(octets));
        }
        break;
    case 2:
        first_flight(fuzz, rd_u8(octets, &type) ? type : 4);
        break;
    case 4:
        finished(fuzz);
        break;
    case 5:
        take_client_flight(fuzz); /* goes before it in the transcript */
        if (rd_u8(octets, &type) && !fuzz->is_protected) {
            put_message(fuzz, type, rd_rest(octets));
        }
        break;
    default:
        (void)!ech_outer_closed(fuzz->client);
        break;
    }
}

static void check_end(const struct fuzz *fuzz)
{
    struct ech_outer_facts facts;
    ech_outer_get_facts(fuzz->client, &facts);
    switch (facts.verdict) {
    case ECH_OUTER_DISABLED:
        require(fuzz->chain_good && fuzz->signature_good && fuzz->is_protected);
        require(facts.alert == ECH_ALERT_ECH_REQUIRED && facts.retry_configs.len == 0);
        break;
    case ECH_OUTER_FAILED:
        require(facts.failure != ECH_OUTER_FAILURE_NONE &&
                facts.failure != ECH_OUTER_FAILURE_INTERNAL && facts.retry_configs.len == 0);
        break;
    default:
        require(facts.verdict == ECH_OUTER_PENDING && ech_outer_net_wanted(fuzz->client) > 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {.is_protected = false};
    struct reader r = rd_of(bytes_of(data, size));
    uint8_t action;
    struct reader octets;
    if (!rd_u8(&r, &fuzz.flags)) {
        return 0;
    }
    fuzz.suite = ech_tls12_suite_find(suites[fuzz.flags % SUITES]);
    wr_init(&fuzz.hello, 0);
    wr_init(&fuzz.transcript, 1 << 20);
    write_client_hello(&fuzz.hello);
    wr_bytes(&fuzz.transcript, wr_view(&fuzz.hello));
    const struct ech_outer_start start = {
        .client_hello_outer = wr_view(&fuzz.hello),
        .public_name = bytes_of("public.example", 14),
        .random = fixed,
        .verifier = {verify_chain, verify_signature, &fuzz},
    };
    require(ech_outer_new(&fuzz.client, ECH_TLS12, &start) == ECH_OK);
    while (rd_u8(&r, &action) && rd_vec16(&r, &octets)) {
        act(&fuzz, action, &octets);
    }
    check_end(&fuzz);
    ech_outer_free(fuzz.client);
    wr_free(&fuzz.hello);
    wr_free(&fuzz.transcript);
    return 0;
}
