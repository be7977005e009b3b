/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library that has a local config, and whose sender is set up for the server in its place: what
 * is noted of it, and what the exchange makes of that. */
#include "shim/engine/session/library_sealing.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/hellos.h"
#include "tests/unit/local_rig.h"

/* ---- what the exchange makes of it ---- */

struct sealing_library {
    struct library library; /* seals to the server's config */
    struct test_server spy; /* knows what it sealed */
    struct octets hello;
};

static const char public_name[] = "public.example";

static void start(struct sealing_library *sealing, const struct ech_exchange_options *options)
{
    struct library *library = &sealing->library;
    struct bytes list;
    *sealing = (struct sealing_library){.library = {.rig = rig_new_with(0, options, 0)}};
    test_server_init(&sealing->spy, 0);
    library->source.state = 77;
    library->options = (struct ech_exchange_options){.random = test_random(&library->source),
                                                     .key_share_rule = ECH_KEY_SHARE_SHARED};
    ech_offer_init(&library->offer);
    library->choice = sealing->spy.choice;
    cr_assert_eq(ech_local_key_generate(&library->options.random, &library->key), ECH_OK);
    library->key.config_id = library->choice.config.config_id;
    cr_assert_eq(ech_exchange_use_local_config(library->rig->exchange, &library->key,
                                               bytes_of(public_name, strlen(public_name)), 0,
                                               &list),
                 ECH_OK);
}

static void end(struct sealing_library *sealing)
{
    octets_free(&sealing->hello);
    test_server_free(&sealing->spy);
    library_free(&sealing->library);
}

static struct bytes payload_of(struct bytes message)
{
    struct ech_ech_client_hello ech = {.payload = bytes_of(NULL, 0)};
    cr_assert_eq(
        ech_ech_client_hello_parse(hello_extension(message, ECH_EXT_ENCRYPTED_CLIENT_HELLO), &ech),
        ECH_OK);
    return ech.payload;
}

/* The library makes its hello, which is seen or not, and gives it to the shim. */
static void says(struct sealing_library *sealing, struct bytes inner, bool second, bool seen)
{
    octets_free(&sealing->hello);
    sealing->hello = library_hello(&sealing->library, inner, second);
    struct octets opened = test_server_open(&sealing->spy, octets_view(&sealing->hello));
    octets_free(&opened);
    const struct ech_seen_sealing what = {.ech_config = sealing->library.choice.config.raw,
                                          .payload = payload_of(octets_view(&sealing->hello)),
                                          .encoded_client_hello_inner =
                                              octets_view(&sealing->spy.encoded)};
    if (seen) {
        ech_exchange_library_sealed(sealing->library.rig->exchange, &what);
    }
    rig_app_hello(sealing->library.rig, octets_view(&sealing->hello), second ? 0x0303 : 0x0301);
}

static bool went_out_as_it_was(struct sealing_library *sealing)
{
    size_t before = sealing->library.rig->net_seen;
    struct octets message = rig_outer(sealing->library.rig);
    bool same = bytes_equal(octets_view(&message), octets_view(&sealing->hello));
    octets_free(&message);
    sealing->library.rig->net_seen = before;
    return same;
}

static void accept_it(struct sealing_library *sealing)
{
    struct rig *rig = sealing->library.rig;
    struct test_answer answer = rig_answer(rig);
    rig_send(rig, &answer);
    cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED);
}

static const struct ech_exchange_options shared = {.key_share_rule = ECH_KEY_SHARE_SHARED};

/* Is the library's hello sent as it is? Either way the server accepts it. */
static bool serves(struct bytes inner, const struct ech_exchange_options *options)
{
    struct sealing_library sealing;
    start(&sealing, options);
    says(&sealing, inner, false, true);
    rig_offer(sealing.library.rig);
    bool served = went_out_as_it_was(&sealing);
    rig_open(sealing.library.rig, inner);
    accept_it(&sealing);
    end(&sealing);
    return served;
}

Test(library_sealing, a_hello_that_is_as_ours_goes_out_as_it_is)
{
    cr_assert(serves(hello_openssl, &shared));
    cr_assert(serves(hello_gnutls, &shared));
    cr_assert(serves(hello_pq, &shared));
}

Test(library_sealing, ech_47_ech_51_any_other_is_sealed_again)
{
    static const char cover[] = "cover.example";
    struct ech_exchange_options options = shared;
    /* A GREASE PSK is in its place. */
    cr_assert_not(serves(hello_openssl_psk, &shared));
    /* key_share is the engine's own. */
    options.key_share_rule = ECH_KEY_SHARE_OWN;
    cr_assert_not(serves(hello_openssl, &options));
    /* The user has chosen another name. */
    options = shared;
    options.outer_name = bytes_of(cover, strlen(cover));
    cr_assert_not(serves(hello_openssl, &options));
    /* It has to be longer. */
    options = shared;
    options.sizes.copied.floor = 480;
    cr_assert_not(serves(hello_openssl, &options));
}

static void begin_retry(struct sealing_library *sealing)
{
    start(sealing, &shared);
    says(sealing, hello_openssl_hrr1, false, true);
    rig_offer(sealing->library.rig);
    cr_assert(went_out_as_it_was(sealing));
    rig_open(sealing->library.rig, hello_openssl_hrr1);
    ask_again(sealing->library.rig);
}

Test(library_sealing, ech_66_the_second_hello_goes_out_as_it_is)
{
    struct sealing_library sealing;
    begin_retry(&sealing);
    says(&sealing, hello_openssl_hrr2, true, true);
    cr_assert(went_out_as_it_was(&sealing));
    rig_open(sealing.library.rig, hello_openssl_hrr2);
    accept_it(&sealing);
    end(&sealing);
}

/* ---- what was not seen does not leave ---- */

Test(library_sealing, a_hello_that_was_not_seen)
{
    struct sealing_library sealing;
    start(&sealing, &shared);
    says(&sealing, hello_openssl, false, false);
    rig_failed(sealing.library.rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&sealing.library.rig->net).len, 0);
    end(&sealing);
}

Test(library_sealing, a_second_hello_that_was_not_seen)
{
    struct sealing_library sealing;
    begin_retry(&sealing);
    size_t sent = wr_view(&sealing.library.rig->net).len;
    says(&sealing, hello_openssl_hrr2, true, false);
    cr_assert_eq(ech_exchange_failure(sealing.library.rig->exchange), ECH_FAILURE_INNER);
    enum { ALERT_RECORD = 5 + 2 };
    cr_assert_eq(wr_view(&sealing.library.rig->net).len, sent + ALERT_RECORD);
    end(&sealing);
}

Test(library_sealing, another_payload_than_that_of_the_hello)
{
    struct sealing_library sealing;
    static const uint8_t nothing[200];
    const struct ech_seen_sealing other = {.payload = bytes_of(nothing, sizeof nothing),
                                           .encoded_client_hello_inner =
                                               bytes_of(nothing, sizeof nothing)};
    start(&sealing, &shared);
    ech_exchange_library_sealed(sealing.library.rig->exchange, &other);
    says(&sealing, hello_openssl, false, false);
    rig_failed(sealing.library.rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&sealing.library.rig->net).len, 0);
    end(&sealing);
}

/* ---- what is noted ---- */

static const char sender;
static const char another_sender;

struct watched {
    struct shim_library_sealing *sealing;
    struct test_server server;
    struct writer list; /* with the local config */
    struct writer info; /* of the local config */
};

static void watch(struct watched *watched, uint64_t number)
{
    const struct ech_local_key key = {.secret = {1, 2, 3}};
    *watched = (struct watched){.sealing = NULL};
    test_server_init(&watched->server, 0);
    wr_init(&watched->list, 0);
    wr_init(&watched->info, 0);
    cr_assert_eq(ech_local_config_list_write(&key, bytes_of(public_name, strlen(public_name)), 0,
                                             &watched->list),
                 ECH_OK);
    wr_bytes(&watched->info, bytes_of("tls ech", sizeof "tls ech"));
    cr_assert_eq(
        ech_local_config_write(&key, bytes_of(public_name, strlen(public_name)), 0, &watched->info),
        ECH_OK);
    cr_assert(shim_library_sealing_possible(&watched->server.choice));
    watched->sealing = shim_library_sealing_new(wr_view(&watched->list), &watched->server.choice);
    cr_assert_not_null(watched->sealing);
    shim_library_sealing_open(watched->sealing, number);
}

static void stop(struct watched *watched)
{
    shim_library_sealing_free(watched->sealing);
    test_server_free(&watched->server);
    wr_free(&watched->list);
    wr_free(&watched->info);
}

static bool begins(uint64_t number, const void *context, struct bytes info,
                   struct shim_hpke_recipient *recipient)
{
    const struct shim_hpke_setup setup = {
        .context = context, .info = info.data, .info_length = info.len};
    return shim_hpke_begins(number, &setup, recipient);
}

static void seals(uint64_t number, const void *context, struct bytes plaintext)
{
    static const uint8_t sealed[] = {9, 9, 9};
    const struct shim_hpke_sealing seen = {.context = context,
                                           .plaintext = plaintext.data,
                                           .plaintext_length = plaintext.len,
                                           .ciphertext = sealed,
                                           .ciphertext_length = sizeof sealed};
    shim_hpke_sealed(number, &seen);
}

Test(library_sealing, the_sender_is_set_up_for_the_server)
{
    struct watched watched;
    struct shim_hpke_recipient recipient;
    watch(&watched, 129);
    cr_assert(begins(129, &sender, wr_view(&watched.info), &recipient));
    const struct ech_config *config = &watched.server.choice.config;
    cr_assert(bytes_equal(bytes_of(recipient.public_key, sizeof recipient.public_key),
                          config->public_key));
    cr_assert_eq(memcmp(recipient.info, "tls ech", sizeof "tls ech"), 0);
    cr_assert(bytes_equal(
        bytes_of(recipient.info + sizeof "tls ech", recipient.info_length - sizeof "tls ech"),
        config->raw));
    seals(129, &sender, BYTES(1, 2));
    cr_assert(bytes_equal(wr_view(&watched.sealing->encoded), BYTES(1, 2)));
    cr_assert(bytes_equal(wr_view(&watched.sealing->payload), BYTES(9, 9, 9)));
    stop(&watched);
}

Test(library_sealing, others_seal_as_they_mean_to)
{
    struct watched watched;
    struct shim_hpke_recipient recipient;
    watch(&watched, 129);
    seals(129, &sender, BYTES(1));
    struct bytes info = wr_view(&watched.info);
    cr_assert_not(begins(129, &another_sender, BYTES('i', 'n', 'f', 'o'), &recipient));
    cr_assert_not(begins(129, &another_sender, bytes_of(info.data, info.len - 1), &recipient));
    cr_assert_not(begins(130, &sender, info, &recipient), "of another watch");
    cr_assert_not(begins(129 + 64, &sender, info, &recipient), "of another watch at that place");
    cr_assert(begins(129, &sender, info, &recipient));
    seals(129, &another_sender, BYTES(1));
    seals(130, &sender, BYTES(1));
    cr_assert_eq(wr_view(&watched.sealing->payload).len, 0);
    shim_library_sealing_close(watched.sealing);
    cr_assert_not(begins(129, &sender, info, &recipient), "it is over");
    seals(129, &sender, BYTES(1));
    cr_assert_eq(wr_view(&watched.sealing->payload).len, 0);
    stop(&watched);
}

/* The second hello of the handshake comes in another watch, from the same sender. */
Test(library_sealing, a_second_watch)
{
    struct watched watched;
    struct shim_hpke_recipient recipient;
    watch(&watched, 1);
    cr_assert(begins(1, &sender, wr_view(&watched.info), &recipient));
    seals(1, &sender, BYTES(1));
    shim_library_sealing_close(watched.sealing);
    shim_library_sealing_open(watched.sealing, 65);
    seals(65, &sender, BYTES(2));
    cr_assert(bytes_equal(wr_view(&watched.sealing->encoded), BYTES(2)));
    stop(&watched);
}

Test(library_sealing, not_for_every_config)
{
    struct test_server server;
    test_server_init(&server, 0);
    struct ech_config_choice choice = server.choice;
    choice.suite.aead_id = ECH_AEAD_AES_256_GCM;
    cr_assert_not(shim_library_sealing_possible(&choice));
    choice = server.choice;
    choice.config.raw.len = 1024 - sizeof "tls ech" + 1;
    cr_assert_not(shim_library_sealing_possible(&choice));
    choice.config.raw.len--;
    cr_assert(shim_library_sealing_possible(&choice));
    test_server_free(&server);
}
