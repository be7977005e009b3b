/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine of the outer handshake against a server that says anything at any time. The input is
 * a list of actions: an octet, a length of two octets, and so many octets:
 *   0  octets for the network as they are        1  a record in the clear, its type first
 *   2  a good ServerHello                        3  a protected record, its type first
 *   4  a good Finished, in a protected record    other: the transport ends
 * What was authenticated only in looks must never yield a verdict but FAILED: the verifier says no
 * to every chain whose leaf does not begin with 'g'.
 */
#include <stdlib.h>

#include "ech/config.h"
#include "ech/tls13_handshake.h"
#include "ech/tls13_keys.h"
#include "ech/tls13_messages.h"
#include "ech/tls13_record.h"

static const uint8_t private_key[32] = {1, 2, 3, 4, 5, 6, 7, 8};

struct fuzz {
    struct ech_outer_handshake *client;
    struct writer hello;
    struct writer transcript;
    struct ech_tls13_secrets secrets;
    struct ech_tls13_protection protection;
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
    (void)version;
    (void)scheme;
    require(certificate.data[0] == 'g' && content.len > 64);
    fuzz->signature_good = signature.len > 0;
    return fuzz->signature_good ? ECH_ALERT_NONE : ECH_ALERT_DECRYPT_ERROR;
}

static void put_extension(struct writer *w, uint16_t type, struct bytes data)
{
    wr_u16(w, type);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, data);
    wr_close(w, mark);
}

static void put_head(struct writer *w, struct bytes suites)
{
    wr_u16(w, ECH_TLS12);
    for (uint8_t i = 0; i < ECH_RANDOM_SIZE; i++) {
        wr_u8(w, i);
    }
    wr_u8(w, 1);
    wr_u8(w, 0x77);
    wr_bytes(w, suites);
}

static void write_share(struct writer *w)
{
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    require(ech_dh_public(ECH_GROUP_X25519, bytes_of(private_key, 32), public_key) == ECH_OK);
    wr_u16(w, ECH_GROUP_X25519);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, bytes_of(public_key, 32));
    wr_close(w, mark);
}

static void write_client_hello(struct writer *w)
{
    static const uint8_t suites[] = {0, 4, 0x13, 1, 0x13, 2, 1, 0};
    static const uint8_t versions[] = {2, 3, 4};
    static const uint8_t groups[] = {0, 6, 0, 29, 0, 23, 1, 0};
    static const uint8_t schemes[] = {0, 4, 4, 3, 8, 4};
    static const uint8_t ech[] = {0, 0, 1, 0, 1, 7, 0, 0, 0, 1, 5};
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    put_head(w, bytes_of(suites, sizeof suites - 2));
    wr_u16(w, 0x0100);
    struct wr_mark list = wr_open(w, 2);
    put_extension(w, ECH_EXT_SUPPORTED_VERSIONS, bytes_of(versions, sizeof versions));
    put_extension(w, ECH_EXT_SUPPORTED_GROUPS, bytes_of(groups, sizeof groups));
    put_extension(w, ECH_EXT_SIGNATURE_ALGORITHMS, bytes_of(schemes, sizeof schemes));
    put_extension(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO, bytes_of(ech, sizeof ech));
    wr_u16(w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark shares = wr_open(w, 2);
    write_share(w);
    wr_close(w, shares);
    wr_close(w, data);
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
    wr_init(&w, 0);
    if (fuzz->is_protected) {
        (void)!ech_tls13_protect(&fuzz->protection, type, content, 0, &w);
    } else {
        wr_u8(&w, type);
        wr_u16(&w, ECH_TLS12);
        struct wr_mark mark = wr_open(&w, 2);
        wr_bytes(&w, content);
        wr_close(&w, mark);
    }
    give(fuzz, &w);
}

static bool transcript_hash(const struct fuzz *fuzz, uint8_t *out)
{
    struct bytes messages = wr_view(&fuzz->transcript);
    return ech_hash_parts(ECH_HASH_SHA256, &messages, 1, out) == ECH_OK;
}

static void server_hello(struct fuzz *fuzz)
{
    static const uint8_t suite[] = {0x13, 1, 0};
    static const uint8_t version[] = {3, 4};
    uint8_t hash[ECH_HASH_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint8_t shared[ECH_DH_SHARED_MAX];
    struct writer w;
    if (fuzz->is_protected) {
        return;
    }
    wr_init(&w, 0);
    wr_u8(&w, ECH_HANDSHAKE_SERVER_HELLO);
    struct wr_mark body = wr_open(&w, 3);
    put_head(&w, bytes_of(suite, sizeof suite));
    struct wr_mark list = wr_open(&w, 2);
    put_extension(&w, ECH_EXT_SUPPORTED_VERSIONS, bytes_of(version, sizeof version));
    wr_u16(&w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(&w, 2);
    write_share(&w);
    wr_close(&w, data);
    wr_close(&w, list);
    wr_close(&w, body);
    put_record(fuzz, ECH_RECORD_HANDSHAKE, wr_view(&w));
    wr_bytes(&fuzz->transcript, wr_view(&w));
    wr_free(&w);
    require(ech_dh_public(ECH_GROUP_X25519, bytes_of(private_key, 32), public_key) == ECH_OK &&
            ech_dh(ECH_GROUP_X25519, bytes_of(private_key, 32), bytes_of(public_key, 32), shared) ==
                ECH_OK);
    require(transcript_hash(fuzz, hash) &&
            ech_tls13_secrets_handshake(&fuzz->secrets, ECH_HASH_SHA256, bytes_of(shared, 32),
                                        hash) == ECH_OK &&
            ech_tls13_protection_start(&fuzz->protection, 0x1301, fuzz->secrets.server) == ECH_OK);
    fuzz->is_protected = true;
}

static void finished(struct fuzz *fuzz)
{
    uint8_t hash[ECH_HASH_MAX];
    uint8_t verify_data[ECH_HASH_MAX];
    struct writer w;
    if (!fuzz->is_protected) {
        return;
    }
    wr_init(&w, 0);
    require(transcript_hash(fuzz, hash) &&
            ech_tls13_verify_data(ECH_HASH_SHA256, fuzz->secrets.server, hash, verify_data) ==
                ECH_OK);
    wr_u8(&w, ECH_HANDSHAKE_FINISHED);
    struct wr_mark length = wr_open(&w, 3);
    wr_bytes(&w, bytes_of(verify_data, 32));
    wr_close(&w, length);
    put_record(fuzz, ECH_RECORD_HANDSHAKE, wr_view(&w));
    wr_free(&w);
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
            if (type == ECH_RECORD_HANDSHAKE && fuzz->is_protected) {
                wr_bytes(&fuzz->transcript, rd_rest(octets));
            }
            put_record(fuzz, type, rd_rest(octets));
        }
        break;
    case 2:
        server_hello(fuzz);
        break;
    case 4:
        finished(fuzz);
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
    case ECH_OUTER_RETRY_CONFIGS:
        require(ech_config_list_check(facts.retry_configs) == ECH_OK);
        require(fuzz->chain_good && fuzz->signature_good);
        require(facts.alert == ECH_ALERT_ECH_REQUIRED);
        break;
    case ECH_OUTER_DISABLED:
        require(fuzz->chain_good && fuzz->signature_good && facts.retry_configs.len == 0);
        require(facts.alert == ECH_ALERT_ECH_REQUIRED);
        break;
    case ECH_OUTER_FAILED:
        require(facts.failure != ECH_OUTER_FAILURE_NONE &&
                facts.failure != ECH_OUTER_FAILURE_INTERNAL && facts.retry_configs.len == 0);
        break;
    default:
        require(ech_outer_net_wanted(fuzz->client) > 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {.is_protected = false};
    struct reader r = rd_of(bytes_of(data, size));
    struct ech_own_key_shares own = {.count = 1, .shares = {{.group = ECH_GROUP_X25519}}};
    struct reader key = rd_of(bytes_of(private_key, sizeof private_key));
    uint8_t action;
    struct reader octets;
    require(rd_copy(&key, own.shares[0].private_key, sizeof private_key));
    wr_init(&fuzz.hello, 0);
    wr_init(&fuzz.transcript, 1 << 20);
    write_client_hello(&fuzz.hello);
    wr_bytes(&fuzz.transcript, wr_view(&fuzz.hello));
    const struct ech_outer_start start = {
        .client_hello_outer = wr_view(&fuzz.hello),
        .own = &own,
        .public_name = bytes_of("public.example", 14),
        .random = fixed,
        .verifier = {verify_chain, verify_signature, &fuzz},
    };
    require(ech_outer_new(&fuzz.client, ECH_TLS13, &start) == ECH_OK);
    while (rd_u8(&r, &action) && rd_vec16(&r, &octets)) {
        act(&fuzz, action, &octets);
    }
    check_end(&fuzz);
    ech_outer_free(fuzz.client);
    wr_free(&fuzz.hello);
    wr_free(&fuzz.transcript);
    return 0;
}
