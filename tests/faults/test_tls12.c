/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outer handshake of TLS 1.2 when memory or randomness is missing: an error, never a verdict.
 */
#include <criterion/criterion.h>

#include "ech/tls12_handshake.h"
#include "tests/faults/faults.h"
#include "tests/unit/tls12_rig.h"

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    (void)context;
    (void)certificates;
    (void)count;
    (void)public_name;
    return ECH_ALERT_NONE;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context;
    (void)version;
    (void)scheme;
    (void)certificate;
    (void)content;
    (void)signature;
    return ECH_ALERT_NONE;
}

/* Carries octets until neither side has any. The server never fails. */
static enum ech_outer_verdict carry(struct ech_outer_handshake *client, struct tls12_server *server)
{
    enum ech_outer_verdict verdict = ECH_OUTER_PENDING;
    while (verdict == ECH_OUTER_PENDING && wr_view(&server->out).len > 0) {
        struct octets out = octets_copy(wr_view(&server->out));
        wr_free(&server->out);
        verdict = FAULTY(ech_outer_from_net(client, octets_view(&out)));
        octets_free(&out);
        struct bytes answer = ech_outer_to_net(client);
        if (verdict == ECH_OUTER_PENDING) {
            tls12_server_take(server, answer);
        }
        ech_outer_net_took(client, answer.len);
    }
    return verdict;
}

static void run(const void *context)
{
    static const struct tls12_hello_options usual;
    struct ech_outer_handshake *client;
    struct ech_outer_facts facts;
    struct tls12_server server;
    struct test_source source = {.state = 5};
    struct octets hello = tls12_hello_make(&usual);
    struct writer records;
    const struct ech_outer_start start = {
        .client_hello_outer = octets_view(&hello),
        .public_name = bytes_of("public.example", 14),
        .random = faults_random(&source),
        .verifier = {verify_chain, verify_signature, NULL},
    };
    tls12_server_init(&server, context, test_random(&source));
    wr_init(&records, 0);
    ech_records_write(&records, 0x0301, octets_view(&hello));
    tls12_server_take(&server, wr_view(&records));
    if (FAULTY(ech_outer_new(&client, ECH_TLS12, &start)) == ECH_OK) {
        enum ech_outer_verdict verdict = carry(client, &server);
        ech_outer_get_facts(client, &facts);
        if (verdict != ECH_OUTER_DISABLED) {
            cr_assert(faults_injected());
            cr_assert_eq(facts.verdict, ECH_OUTER_FAILED);
            cr_assert_eq(facts.failure, ECH_OUTER_FAILURE_INTERNAL);
        }
        ech_outer_free(client);
    } else {
        cr_assert(faults_injected() && client == NULL);
    }
    wr_free(&records);
    tls12_server_free(&server);
    octets_free(&hello);
}

static void both(const char *name, const struct tls12_options *options)
{
    faults_run(name, FAULT_MEMORY, 10, run, options);
    faults_run(name, FAULT_RANDOM, 1, run, options);
}

Test(tls12_faults, authenticated)
{
    both("TLS 1.2, AEAD", &(struct tls12_options){.extended_master_secret = true,
                                                  .ticket = true,
                                                  .request_certificate = true});
    both("TLS 1.2, CBC", &(struct tls12_options){.cipher_suite = 0xc00a});
    both("TLS 1.2, CBC, encrypt-then-MAC",
         &(struct tls12_options){.cipher_suite = 0xc024, .encrypt_then_mac = true});
}
