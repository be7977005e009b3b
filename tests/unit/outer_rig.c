/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/outer_rig.h"

#include "shim/engine/base/decompress.h"
#include "tests/unit/sizes.h"

#include <criterion/criterion.h>
#include <string.h>

static const size_t steps[] = {0, 1, 7};

/* A chain is good if the server's tests say so, for public.example with the leaf "leaf". */
static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    struct outer_rig *rig = context;
    rig->chain_length = count;
    assert_octets(public_name, bytes_of("public.example", 14), "public_name");
    assert_octets(certificates[0], bytes_of("leaf", 4), "leaf");
    return rig->chain_alert;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    struct outer_rig *rig = context;
    struct octets expected = tls13_test_sign(NULL, scheme, content);
    bool good = version == ECH_TLS13 && bytes_equal(signature, octets_view(&expected));
    assert_octets(certificate, bytes_of("leaf", 4), "leaf");
    octets_free(&expected);
    return good ? rig->signature_alert : ECH_ALERT_DECRYPT_ERROR;
}

void outer_rig_init(struct outer_rig *rig, struct bytes inner)
{
    struct test_server ech;
    struct ech_client_hello hello;
    struct writer w;
    *rig = (struct outer_rig){.source.state = 7};
    struct ech_exchange_options options = {.random = test_random(&rig->source),
                                           .sizes = OPENSSL_SIZES,
                                           .key_share_rule = ECH_KEY_SHARE_OWN};
    test_server_init(&ech, 0);
    cr_assert_eq(ech_client_hello_parse(inner, &hello), ECH_OK);
    ech_offer_init(&rig->offer);
    wr_init(&w, 0);
    cr_assert_eq(ech_offer_first(&rig->offer, &hello, NULL, &ech.choice, &options, &w), ECH_OK);
    rig->hello = octets_copy(wr_view(&w));
    wr_free(&w);
    test_server_free(&ech);
}

void outer_rig_free(struct outer_rig *rig)
{
    ech_outer_free(rig->client);
    tls13_server_free(&rig->server);
    ech_offer_wipe(&rig->offer);
    octets_free(&rig->hello);
}

void outer_rig_start(struct outer_rig *rig, const struct tls13_options *options)
{
    struct writer w;
    const struct ech_outer_start start = {
        .client_hello_outer = octets_view(&rig->hello),
        .own = rig->offer.own,
        .public_name = bytes_of(rig->offer.public_name, rig->offer.public_name_length),
        .change_cipher_spec_sent = rig->change_cipher_spec_sent,
        .random = test_random(&rig->source),
        .verifier = {verify_chain, verify_signature, rig},
        .decompressor = shim_decompressor,
    };
    tls13_server_init(&rig->server, options, test_random(&rig->source));
    cr_assert_eq(ech_outer_new(&rig->client, ECH_TLS13, &start), ECH_OK);
    wr_init(&w, 0);
    ech_records_write(&w, 0x0301, octets_view(&rig->hello));
    tls13_server_take(&rig->server, wr_view(&w));
    wr_free(&w);
}

static void give_client(struct outer_rig *rig, struct bytes in)
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

void outer_rig_run(struct outer_rig *rig)
{
    bool moved;
    do {
        struct bytes to_server = ech_outer_to_net(rig->client);
        struct octets to_client = octets_copy(wr_view(&rig->server.out));
        moved = to_server.len > 0 || to_client.len > 0;
        wr_free(&rig->server.out);
        tls13_server_take(&rig->server, to_server);
        ech_outer_net_took(rig->client, to_server.len);
        give_client(rig, octets_view(&to_client));
        octets_free(&to_client);
    } while (moved);
}

struct ech_outer_facts outer_rig_facts(const struct outer_rig *rig)
{
    struct ech_outer_facts facts;
    ech_outer_get_facts(rig->client, &facts);
    return facts;
}

const char *outer_rig_failure_name(enum ech_outer_failure failure)
{
    switch (failure) {
    case ECH_OUTER_FAILURE_NONE:
        return "none";
    case ECH_OUTER_FAILURE_ALERT:
        return "outer_alert";
    case ECH_OUTER_FAILURE_PROTOCOL:
        return "outer_protocol";
    case ECH_OUTER_FAILURE_CERTIFICATE:
        return "outer_certificate";
    case ECH_OUTER_FAILURE_GROUP:
        return "outer_group";
    case ECH_OUTER_FAILURE_SUITE:
        return "outer_suite";
    case ECH_OUTER_FAILURE_VERSION:
        return "tls12";
    case ECH_OUTER_FAILURE_COMPRESSION:
        return "outer_compression";
    case ECH_OUTER_FAILURE_CLOSED:
        return "outer_closed";
    case ECH_OUTER_FAILURE_INTERNAL:
        return "internal";
    }
    return "unknown";
}

void outer_rig_fails(struct bytes inner, const struct tls13_options *options,
                     enum ech_outer_failure failure, enum ech_alert alert)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct outer_rig rig;
        outer_rig_init(&rig, inner);
        rig.step = steps[i];
        outer_rig_start(&rig, options);
        outer_rig_run(&rig);
        struct ech_outer_facts facts = outer_rig_facts(&rig);
        const struct tls13_seen *seen = &rig.server.seen;
        int told = seen->plain_alert >= 0 ? seen->plain_alert : seen->handshake_alert;
        cr_assert_eq(facts.verdict, ECH_OUTER_FAILED, "verdict %d", facts.verdict);
        cr_assert_eq(facts.failure, failure, "%s", outer_rig_failure_name(facts.failure));
        cr_assert_eq(facts.alert, alert, "alert %d", facts.alert);
        cr_assert_eq(told, alert == ECH_ALERT_NONE ? -1 : (int)alert, "told %d", told);
        cr_assert(!seen->finished && seen->application_alert < 0);
        cr_assert_eq(facts.retry_configs.len, 0); /* ECH-75 */
        cr_assert_eq(ech_outer_net_wanted(rig.client), 0);
        outer_rig_free(&rig);
    }
}

void outer_rig_succeeds(struct bytes inner, const struct tls13_options *options,
                        enum ech_outer_verdict verdict)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct outer_rig rig;
        outer_rig_init(&rig, inner);
        rig.step = steps[i];
        outer_rig_start(&rig, options);
        outer_rig_run(&rig);
        struct ech_outer_facts facts = outer_rig_facts(&rig);
        const struct tls13_seen *seen = &rig.server.seen;
        cr_assert_eq(facts.verdict, verdict, "verdict %d, %s, alert %d", facts.verdict,
                     outer_rig_failure_name(facts.failure), facts.alert);
        cr_assert_eq(facts.failure, ECH_OUTER_FAILURE_NONE);
        cr_assert_eq(facts.hello_retry_request, options->retry);
        cr_assert(seen->finished);
        cr_assert_eq(seen->application_alert, ECH_ALERT_ECH_REQUIRED);
        cr_assert_eq(seen->certificate, options->request_certificate);
        if (verdict == ECH_OUTER_RETRY_CONFIGS) {
            assert_octets(facts.retry_configs, *options->retry_configs, "retry_configs");
        } else {
            cr_assert_eq(facts.retry_configs.len, 0);
        }
        outer_rig_free(&rig);
    }
}
