/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/tls12_rig.h"

#include <criterion/criterion.h>

#include "tests/unit/outer_rig.h"

static const size_t steps[] = {0, 1, 7};

/* ---- the outer hello ---- */

/* In the order of OpenSSL 3.0: TLS 1.3, ECDHE of all kinds, DHE, RSA, and the signal. */
static const uint16_t suites[] = {0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8,
                                  0xc0ac, 0xc02b, 0xc02f, 0xc024, 0xc028, 0xc023, 0xc027, 0xc00a,
                                  0xc014, 0xc009, 0xc013, 0x009d, 0x003c, 0x0035};
static const uint16_t groups[] = {0x11ec, 29, 23, 30, 25, 24, 0x001a, 0x0100};
static const uint16_t schemes[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809,
                                   0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401,
                                   0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201};

static void write_list(struct writer *w, uint16_t type, const uint16_t *values, size_t count)
{
    wr_u16(w, type);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    for (size_t i = 0; i < count; i++) {
        wr_u16(w, values[i]);
    }
    wr_close(w, list);
    wr_close(w, data);
}

static void write_suites(const struct tls12_hello_options *options, struct writer *w)
{
    struct wr_mark mark = wr_open(w, 2);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (options->suite == 0 || suites[i] == options->suite || suites[i] >> 8 == 0x13) {
            wr_u16(w, suites[i]);
        }
    }
    if (!options->no_signal) {
        wr_u16(w, 0x00ff);
    }
    wr_close(w, mark);
}

static void write_key_share(struct writer *w)
{
    wr_u16(w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    wr_u16(w, 29);
    struct wr_mark key = wr_open(w, 2);
    for (size_t i = 0; i < 32; i++) {
        wr_u8(w, (uint8_t)(9 + i));
    }
    wr_close(w, key);
    wr_close(w, list);
    wr_close(w, data);
}

static void write_extensions(const struct tls12_hello_options *options, struct writer *w)
{
    struct bytes nothing = bytes_of(NULL, 0);
    ech_server_name_write(w, bytes_of("public.example", 14));
    ech_extension_write(w, ECH_EXT_EC_POINT_FORMATS, BYTES(3, 0, 1, 2));
    if (options->group != 0) {
        write_list(w, ECH_EXT_SUPPORTED_GROUPS, &options->group, 1);
    } else {
        write_list(w, ECH_EXT_SUPPORTED_GROUPS, groups, sizeof groups / sizeof groups[0]);
    }
    ech_extension_write(w, ECH_EXT_SESSION_TICKET, nothing);
    ech_extension_write(w, ECH_EXT_ALPN,
                        BYTES(0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'));
    ech_extension_write(w, ECH_EXT_ENCRYPT_THEN_MAC, nothing);
    ech_extension_write(w, ECH_EXT_EXTENDED_MASTER_SECRET, nothing);
    if (!options->no_status_request) {
        ech_extension_write(w, ECH_EXT_STATUS_REQUEST, BYTES(1, 0, 0, 0, 0));
    }
    if (!options->no_renegotiation_info) {
        ech_extension_write(w, ECH_EXT_RENEGOTIATION_INFO, BYTES(0));
    }
    if (options->max_fragment_length) {
        ech_extension_write(w, ECH_EXT_MAX_FRAGMENT_LENGTH, BYTES(1));
    }
    ech_extension_write(w, ECH_EXT_RECORD_SIZE_LIMIT, BYTES(0x40, 0));
    ech_extension_write(w, ECH_EXT_SIGNED_CERTIFICATE_TIMESTAMP, nothing);
    write_list(w, ECH_EXT_SIGNATURE_ALGORITHMS, schemes, sizeof schemes / sizeof schemes[0]);
    ech_extension_write(w, ECH_EXT_SUPPORTED_VERSIONS,
                        options->no_tls12 ? BYTES(2, 3, 4) : BYTES(8, 3, 4, 3, 3, 3, 2, 3, 1));
    if (options->early_data) {
        ech_extension_write(w, ECH_EXT_EARLY_DATA, nothing);
    }
    write_key_share(w);
    ech_extension_write(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO, BYTES(0, 0, 1, 0, 1, 7, 0, 0, 0, 1, 5));
}

struct octets tls12_hello_make(const struct tls12_hello_options *options)
{
    struct writer w;
    wr_init(&w, 0);
    wr_u8(&w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(&w, 3);
    wr_u16(&w, ECH_TLS12);
    for (size_t i = 0; i < ECH_RANDOM_SIZE; i++) {
        wr_u8(&w, (uint8_t)(0xa0 + i));
    }
    struct wr_mark mark = wr_open(&w, 1);
    for (size_t i = 0; i < ECH_SESSION_ID_MAX; i++) {
        wr_u8(&w, (uint8_t)(0x40 + i));
    }
    wr_close(&w, mark);
    write_suites(options, &w);
    wr_u16(&w, 0x0100);
    mark = wr_open(&w, 2);
    write_extensions(options, &w);
    wr_close(&w, mark);
    wr_close(&w, body);
    cr_assert_eq(wr_finish(&w), ECH_OK);
    struct octets hello = octets_copy(wr_view(&w));
    wr_free(&w);
    return hello;
}

/* ---- the handshake ---- */

/* A chain is good if the test says so, for public.example with the leaf "leaf". */
static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    struct tls12_rig *rig = context;
    rig->chain_length = count;
    assert_octets(public_name, bytes_of("public.example", 14), "public_name");
    assert_octets(certificates[0], bytes_of("leaf", 4), "leaf");
    return rig->chain_alert;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context;
    struct octets expected = tls13_test_sign(NULL, scheme, content);
    bool good = version == ECH_TLS12 && bytes_equal(signature, octets_view(&expected));
    assert_octets(certificate, bytes_of("leaf", 4), "leaf");
    octets_free(&expected);
    return good ? ECH_ALERT_NONE : ECH_ALERT_DECRYPT_ERROR;
}

void tls12_rig_init(struct tls12_rig *rig, const struct tls12_hello_options *hello)
{
    *rig = (struct tls12_rig){.source.state = 7};
    rig->hello = tls12_hello_make(hello);
}

void tls12_rig_free(struct tls12_rig *rig)
{
    ech_outer_free(rig->client);
    tls12_server_free(&rig->server);
    octets_free(&rig->hello);
}

void tls12_rig_start(struct tls12_rig *rig, const struct tls12_options *options)
{
    struct writer w;
    const struct ech_outer_start start = {
        .client_hello_outer = octets_view(&rig->hello),
        .public_name = bytes_of("public.example", 14),
        .random = test_random(&rig->source),
        .verifier = {verify_chain, verify_signature, rig},
    };
    tls12_server_init(&rig->server, options, test_random(&rig->source));
    cr_assert_eq(ech_outer_new(&rig->client, ECH_TLS12, &start), ECH_OK);
    wr_init(&w, 0);
    ech_records_write(&w, 0x0301, octets_view(&rig->hello));
    tls12_server_take(&rig->server, wr_view(&w));
    wr_free(&w);
}

static void give_client(struct tls12_rig *rig, struct bytes in)
{
    struct reader r = rd_of(in);
    while (!rd_done(&r)) {
        struct bytes piece;
        size_t n = rig->step == 0 || rig->step > r.len ? r.len : rig->step;
        cr_assert(rd_bytes(&r, n, &piece));
        /* A separate block, freed afterwards: the machine must keep no pointer into it. */
        struct octets copy = octets_copy(piece);
        (void)!ech_outer_from_net(rig->client, octets_view(&copy));
        octets_free(&copy);
    }
}

void tls12_rig_run(struct tls12_rig *rig)
{
    bool moved;
    do {
        struct bytes to_server = ech_outer_to_net(rig->client);
        struct octets to_client = octets_copy(wr_view(&rig->server.out));
        moved = to_server.len > 0 || to_client.len > 0;
        wr_free(&rig->server.out);
        tls12_server_take(&rig->server, to_server);
        ech_outer_net_took(rig->client, to_server.len);
        give_client(rig, octets_view(&to_client));
        octets_free(&to_client);
    } while (moved);
}

static struct ech_outer_facts run(struct tls12_rig *rig, const struct tls12_hello_options *hello,
                                  const struct tls12_options *options, size_t step)
{
    struct ech_outer_facts facts;
    tls12_rig_init(rig, hello);
    rig->step = step;
    tls12_rig_start(rig, options);
    tls12_rig_run(rig);
    ech_outer_get_facts(rig->client, &facts);
    return facts;
}

void tls12_rig_fails(const struct tls12_hello_options *hello, const struct tls12_options *options,
                     enum ech_outer_failure failure, enum ech_alert alert)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct tls12_rig rig;
        struct ech_outer_facts facts = run(&rig, hello, options, steps[i]);
        const struct tls12_seen *seen = &rig.server.seen;
        int told = seen->finished ? seen->protected_alert : seen->plain_alert;
        cr_assert_eq(facts.verdict, ECH_OUTER_FAILED, "verdict %d", facts.verdict);
        cr_assert_eq(facts.failure, failure, "%s, alert %d", outer_rig_failure_name(facts.failure),
                     facts.alert);
        cr_assert_eq(facts.alert, alert, "alert %d", facts.alert);
        cr_assert_eq(told, alert == ECH_ALERT_NONE ? -1 : (int)alert, "told %d", told);
        cr_assert_eq(facts.retry_configs.len, 0);
        cr_assert_eq(ech_outer_net_wanted(rig.client), 0);
        tls12_rig_free(&rig);
    }
}

void tls12_rig_succeeds(const struct tls12_hello_options *hello,
                        const struct tls12_options *options)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct tls12_rig rig;
        struct ech_outer_facts facts = run(&rig, hello, options, steps[i]);
        const struct tls12_seen *seen = &rig.server.seen;
        cr_assert_eq(facts.verdict, ECH_OUTER_DISABLED, "verdict %d, %s, alert %d", facts.verdict,
                     outer_rig_failure_name(facts.failure), facts.alert);
        cr_assert_eq(facts.failure, ECH_OUTER_FAILURE_NONE);
        cr_assert(seen->finished);
        cr_assert_eq(seen->protected_alert, ECH_ALERT_ECH_REQUIRED);
        cr_assert_eq(seen->plain_alert, -1);
        cr_assert_eq(seen->certificate, options->request_certificate);
        cr_assert_eq(facts.retry_configs.len, 0);
        tls12_rig_free(&rig);
    }
}
