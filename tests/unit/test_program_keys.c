/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An outer hello with the application's key_share: who finishes the outer handshake, and how. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"
#include "tests/unit/tls13_server.h"

enum { ENTRIES = 4, UNKNOWN_GROUP = 0x11ec };
/* ffdhe2048, which only the library has. */
enum { FOREIGN_GROUP = 0x0100, FOREIGN_OCTETS = 256 };

/* How a key misbehaves. */
enum fault { NO_FAULT, WRONG_SECRET, EMPTY_SECRET, UNUSABLE, NO_MEMORY };

struct entry {
    uint16_t group;
    bool known;
    enum fault fault;
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
};

/* The application: a key_share, and the keys that were seen of it. */
struct program {
    struct entry entries[ENTRIES];
    size_t count;
    unsigned agreed;
    bool made; /* a key of FOREIGN_GROUP */
    struct octets hello;
};

static struct entry *find(struct program *program, uint16_t group, struct bytes key_exchange)
{
    for (size_t i = 0; i < program->count; i++) {
        struct entry *entry = &program->entries[i];
        if (entry->group == group && entry->known &&
            bytes_equal(key_exchange, bytes_of(entry->public_key, ech_dh_public_size(group)))) {
            return entry;
        }
    }
    return NULL;
}

static bool have(void *context, uint16_t group, struct bytes key_exchange)
{
    const struct program *program = context;
    return (group == FOREIGN_GROUP && program->made) || find(context, group, key_exchange) != NULL;
}

static enum ech_status agree(void *context, uint16_t group, struct bytes key_exchange,
                             struct bytes peer, struct writer *shared_secret)
{
    struct program *program = context;
    uint8_t shared[ECH_DH_SHARED_MAX];
    if (group == FOREIGN_GROUP && program->made) {
        cr_assert_eq(peer.len, TLS13_FOREIGN_SIZE);
        memset(shared, TLS13_FOREIGN_SECRET, TLS13_FOREIGN_SIZE);
        wr_bytes(shared_secret, bytes_of(shared, TLS13_FOREIGN_SIZE));
        program->agreed++;
        return ECH_OK;
    }
    struct entry *entry = find(program, group, key_exchange);
    cr_assert_not_null(entry, "asked for a key that is not there");
    program->agreed++;
    struct bytes private_key = bytes_of(entry->private_key, ech_dh_private_size(group));
    if (entry->fault == UNUSABLE || entry->fault == NO_MEMORY) {
        return entry->fault == UNUSABLE ? ECH_ERR_CRYPTO : ECH_ERR_NOMEM;
    }
    if (ech_dh(group, private_key, peer, shared) != ECH_OK) {
        return ECH_ERR_ILLEGAL;
    }
    shared[0] ^= entry->fault == WRONG_SECRET;
    if (entry->fault != EMPTY_SECRET) {
        wr_bytes(shared_secret, bytes_of(shared, ech_dh_shared_size(group)));
    }
    return ECH_OK;
}

/* Makes the keys, and the hello with them. An entry of an unknown group has any octets. */
static void program_init(struct program *program)
{
    struct test_source source = {.state = 5};
    struct ech_random random = test_random(&source);
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark list = wr_open(&w, 2);
    for (program->count = 0;
         program->count < ENTRIES && program->entries[program->count].group != 0;
         program->count++) {
        struct entry *entry = &program->entries[program->count];
        wr_u16(&w, entry->group);
        struct wr_mark key = wr_open(&w, 2);
        if (entry->group == UNKNOWN_GROUP) {
            wr_zeros(&w, 1216);
        } else {
            cr_assert_eq(
                ech_dh_generate(entry->group, &random, entry->private_key, entry->public_key),
                ECH_OK);
            wr_bytes(&w, bytes_of(entry->public_key, ech_dh_public_size(entry->group)));
        }
        wr_close(&w, key);
    }
    wr_close(&w, list);
    program->hello = hello_with(hello_openssl, ECH_EXT_KEY_SHARE, wr_view(&w));
    wr_free(&w);
}

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    (void)context, (void)certificates, (void)count;
    assert_octets(public_name, bytes_of("public.example", 14), "public_name");
    return ECH_ALERT_NONE;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context, (void)certificate, (void)version;
    struct octets expected = tls13_test_sign(NULL, scheme, content);
    bool good = bytes_equal(signature, octets_view(&expected));
    octets_free(&expected);
    return good ? ECH_ALERT_NONE : ECH_ALERT_DECRYPT_ERROR;
}

/* A rejected handshake of this program. */
struct rejected {
    struct program program;
    struct rig *rig;
    struct tls13_server server;
    size_t given; /* octets of the rig's output that the server has */
    enum ech_status (*make)(void *context, uint16_t group, struct writer *key_exchange);
};

static void carry(struct rejected *x)
{
    bool moved;
    do {
        struct octets to_server = octets_copy(
            bytes_of(wr_view(&x->rig->net).data + x->given, wr_view(&x->rig->net).len - x->given));
        x->given = wr_view(&x->rig->net).len;
        tls13_server_take(&x->server, octets_view(&to_server));
        struct octets to_client = octets_copy(wr_view(&x->server.out));
        moved = to_server.len > 0 || to_client.len > 0;
        wr_free(&x->server.out);
        rig_from_net(x->rig, octets_view(&to_client));
        octets_free(&to_server);
        octets_free(&to_client);
    } while (moved);
}

static void run_with(struct rejected *x, const struct tls13_options *server,
                     enum ech_key_share_rule rule, size_t step)
{
    static const uint8_t configs[] = {0, 4, 0xfe, 0x0e, 0, 0};
    static const struct bytes retry_configs = {configs, sizeof configs};
    struct tls13_options options = *server;
    program_init(&x->program);
    x->rig = rig_new_with(step,
                          &(struct ech_exchange_options){
                              .sizes = OPENSSL_SIZES,
                              .key_share_rule = rule,
                              .program_keys = {&x->program, have, agree, x->make},
                              .verifier = {verify_chain, verify_signature, NULL},
                          },
                          0);
    options.retry_configs = &retry_configs;
    tls13_server_init(&x->server, &options, test_random(&x->rig->source));
    rig_app_hello(x->rig, octets_view(&x->program.hello), 0x0301);
    rig_offer(x->rig);
    rig_drain(x->rig);
    carry(x);
}

static void run(struct rejected *x, const struct tls13_options *server)
{
    run_with(x, server, ECH_KEY_SHARE_AUTO, 0);
}

/* Has the outer hello the program's key_share? */
static bool copies(struct rejected *x)
{
    return bytes_equal(hello_extension(octets_view(&x->server.first_hello), ECH_EXT_KEY_SHARE),
                       hello_extension(octets_view(&x->program.hello), ECH_EXT_KEY_SHARE));
}

static void end(struct rejected *x)
{
    rig_free(x->rig);
    tls13_server_free(&x->server);
    octets_free(&x->program.hello);
}

/* The server was authenticated, and was told so on this connection (RFC 9849, 6.1.6). */
static void check_finished(struct rejected *x)
{
    struct ech_rejection rejection;
    cr_assert_eq(x->rig->last, ECH_EVENT_REJECTED, "%s",
                 ech_failure_name(ech_exchange_failure(x->rig->exchange)));
    ech_exchange_rejection(x->rig->exchange, &rejection);
    cr_assert_not(rejection.probe);
    cr_assert(rejection.disabled, "the config is of another version");
    cr_assert(x->server.seen.finished);
    cr_assert_eq(x->server.seen.application_alert, ECH_ALERT_ECH_REQUIRED);
    end(x);
}

static void check_probe(struct rejected *x)
{
    struct ech_rejection rejection;
    cr_assert_eq(x->rig->last, ECH_EVENT_REJECTED);
    ech_exchange_rejection(x->rig->exchange, &rejection);
    cr_assert(rejection.probe);
    cr_assert_not(x->server.seen.finished);
    cr_assert_eq(x->program.agreed, 0);
    end(x);
}

static void check_failed(struct rejected *x, enum ech_failure failure, int alert)
{
    cr_assert_eq(x->rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(x->rig->exchange), failure, "%s",
                 ech_failure_name(ech_exchange_failure(x->rig->exchange)));
    cr_assert_eq(x->server.seen.plain_alert, alert, "alert %d", x->server.seen.plain_alert);
    cr_assert_not(x->server.seen.finished);
    end(x);
}

Test(program_keys, ech_79_each_group_is_finished_on_the_same_connection)
{
    static const uint16_t groups[] = {ECH_GROUP_P256, ECH_GROUP_P384, ECH_GROUP_P521,
                                      ECH_GROUP_X25519, ECH_GROUP_X448};
    static const size_t steps[] = {0, 1, 7};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            struct rejected x = {.program.entries = {{.group = groups[i], .known = true}}};
            run_with(&x, &(struct tls13_options){.cipher_suite = 0}, ECH_KEY_SHARE_AUTO, steps[k]);
            cr_assert(copies(&x));
            cr_assert_eq(x.program.agreed, 1);
            check_finished(&x);
        }
    }
}

Test(program_keys, the_server_takes_the_second_entry)
{
    struct rejected x = {
        .program.entries = {{.group = UNKNOWN_GROUP}, {.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    cr_assert(copies(&x));
    check_finished(&x);
}

Test(program_keys, the_server_takes_an_entry_whose_key_was_not_seen)
{
    struct rejected x = {.program.entries = {{.group = UNKNOWN_GROUP},
                                             {.group = ECH_GROUP_X25519},
                                             {.group = ECH_GROUP_P256, .known = true}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    cr_assert(copies(&x));
    check_probe(&x);
}

/* Where the engine can make all entries, its own finish any choice. */
Test(program_keys, own_shares_rather_than_some_keys)
{
    struct rejected x = {
        .program.entries = {{.group = ECH_GROUP_X25519}, {.group = ECH_GROUP_P256, .known = true}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    cr_assert_not(copies(&x));
    cr_assert_eq(x.program.agreed, 0);
    check_finished(&x);
}

Test(program_keys, nothing_seen)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    cr_assert_not(copies(&x));
    check_finished(&x);
    x = (struct rejected){
        .program.entries = {{.group = UNKNOWN_GROUP}, {.group = ECH_GROUP_X25519}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    cr_assert(copies(&x));
    check_probe(&x);
}

Test(program_keys, the_rules_own_and_shared_ask_for_no_key)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run_with(&x, &(struct tls13_options){.cipher_suite = 0}, ECH_KEY_SHARE_OWN, 0);
    cr_assert_not(copies(&x));
    check_finished(&x);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run_with(&x, &(struct tls13_options){.cipher_suite = 0}, ECH_KEY_SHARE_SHARED, 0);
    check_probe(&x);
}

/* An answer that breaks a rule is no reason to ask anybody else. */
Test(program_keys, hello_retry_request_for_a_group_that_was_not_offered)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.retry = true, .retry_group = UNKNOWN_GROUP});
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
}

/* No key of the copied share is known, but after the retry there is one of the engine's. */
Test(program_keys, ech_79_hello_retry_request_with_a_share_that_is_only_copied)
{
    struct rejected x = {.program.entries = {{.group = UNKNOWN_GROUP}}};
    run(&x, &(struct tls13_options){.retry = true});
    cr_assert(copies(&x));
    cr_assert_eq(x.server.seen.hellos, 2);
    check_finished(&x);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_X25519}}};
    run_with(&x, &(struct tls13_options){.retry = true}, ECH_KEY_SHARE_SHARED, 0);
    check_finished(&x);
}

/* The second outer hello has a share of the engine's. */
Test(program_keys, ech_79_hello_retry_request)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.retry = true});
    cr_assert_eq(x.program.agreed, 0);
    cr_assert_eq(x.server.seen.hellos, 2);
    check_finished(&x);
}

Test(program_keys, ech_79_hello_retry_request_with_a_cookie_alone)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){
                .retry = true, .retry_without_group = true, .cookie = BYTES(0, 1, 9)});
    cr_assert_eq(x.program.agreed, 1);
    check_finished(&x);
    x = (struct rejected){
        .program.entries = {{.group = UNKNOWN_GROUP}, {.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){
                .retry = true, .retry_without_group = true, .cookie = BYTES(0, 1, 9)});
    cr_assert_eq(x.program.agreed, 1);
    check_finished(&x);
}

/* Only after the second hello does it show that the server wants another entry. */
Test(program_keys, hello_retry_request_with_a_cookie_alone_and_an_entry_whose_key_was_not_seen)
{
    struct rejected x = {.program.entries = {{.group = UNKNOWN_GROUP},
                                             {.group = ECH_GROUP_X25519},
                                             {.group = ECH_GROUP_P256, .known = true}}};
    run(&x, &(struct tls13_options){
                .retry = true, .retry_without_group = true, .cookie = BYTES(0, 1, 9)});
    cr_assert_eq(x.server.seen.hellos, 2);
    cr_assert_eq(x.server.seen.plain_alert, ECH_ALERT_HANDSHAKE_FAILURE);
    check_probe(&x);
    x = (struct rejected){
        .program.entries = {{.group = UNKNOWN_GROUP}, {.group = ECH_GROUP_X25519}}};
    run(&x, &(struct tls13_options){
                .retry = true, .retry_without_group = true, .cookie = BYTES(0, 1, 9)});
    cr_assert_eq(x.server.seen.hellos, 1, "no key is known: a second hello is of no use");
    check_probe(&x);
}

Test(program_keys, hello_retry_request_for_a_group_that_the_engine_lacks)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.retry = true, .retry_group = FOREIGN_GROUP});
    check_probe(&x);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_X25519}}};
    run(&x, &(struct tls13_options){.retry = true, .retry_group = FOREIGN_GROUP});
    check_probe(&x);
}

/* The library may have the group; where it has not, a probe asks. */
static enum ech_status cannot_make(void *context, uint16_t group, struct writer *key_exchange)
{
    (void)context, (void)key_exchange;
    cr_assert_eq(group, FOREIGN_GROUP);
    return ECH_ERR_UNSUPPORTED;
}

Test(program_keys, hello_retry_request_for_a_group_that_the_library_lacks_too)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}},
                         .make = cannot_make};
    run(&x, &(struct tls13_options){.retry = true, .retry_group = FOREIGN_GROUP});
    cr_assert_eq(x.server.seen.hellos, 1);
    cr_assert_eq(x.server.seen.plain_alert, ECH_ALERT_HANDSHAKE_FAILURE);
    check_probe(&x);
}

/* What the library makes is the only share of the second hello, and its key is used. */
static enum ech_status make_foreign(void *context, uint16_t group, struct writer *key_exchange)
{
    struct program *program = context;
    cr_assert_eq(group, FOREIGN_GROUP);
    program->made = true;
    wr_zeros(key_exchange, FOREIGN_OCTETS);
    return wr_finish(key_exchange);
}

Test(program_keys, ech_79_hello_retry_request_for_a_group_of_the_library)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}},
                         .make = make_foreign};
    run(&x, &(struct tls13_options){
                .retry = true, .retry_group = FOREIGN_GROUP, .foreign_group = FOREIGN_GROUP});
    cr_assert_eq(x.server.seen.hellos, 2);
    cr_assert_eq(x.program.agreed, 1);
    check_finished(&x);
}

Test(program_keys, a_key_that_misbehaves)
{
    struct rejected x = {
        .program.entries = {{.group = ECH_GROUP_X25519, .known = true, .fault = UNUSABLE}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    check_failed(&x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    x = (struct rejected){
        .program.entries = {{.group = ECH_GROUP_X25519, .known = true, .fault = NO_MEMORY}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    check_failed(&x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    x = (struct rejected){
        .program.entries = {{.group = ECH_GROUP_X25519, .known = true, .fault = EMPTY_SECRET}}};
    run(&x, &(struct tls13_options){.cipher_suite = 0});
    check_failed(&x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    x = (struct rejected){
        .program.entries = {{.group = ECH_GROUP_X25519, .known = true, .fault = WRONG_SECRET}}};
    run(&x, &(struct tls13_options){.other_secret = true});
    cr_assert_eq(x.server.seen.unreadable, 1, "one alert");
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, -1);
}

Test(program_keys, bad_answers)
{
    struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    /* A group that was not offered, and one that was with octets that are no key of it. */
    run(&x, &(struct tls13_options){.share_group = ECH_GROUP_P256});
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.share = BYTES(1, 2, 3)});
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_P256, .known = true}}};
    run(&x, &(struct tls13_options){.share = BYTES(4, 2, 3)});
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    x = (struct rejected){.program.entries = {{.group = ECH_GROUP_X25519, .known = true}}};
    run(&x, &(struct tls13_options){.no_share = true});
    check_failed(&x, ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_MISSING_EXTENSION);
}

/* The length does not tell whether keys were seen, and GREASE cannot know it. */
Test(program_keys, ech_100_the_payload_is_shorter_than_without_keys)
{
    size_t lengths[2];
    for (size_t i = 0; i < 2; i++) {
        struct rejected x = {.program.entries = {{.group = ECH_GROUP_X25519, .known = i == 1}}};
        run(&x, &(struct tls13_options){.cipher_suite = 0});
        lengths[i] = x.server.first_hello.len;
        check_finished(&x);
    }
    /* Without the keys the engine makes a share, and the library's stands in the payload. */
    cr_assert_gt(lengths[0], lengths[1]);
}
