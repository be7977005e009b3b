/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/grease.h"
#include "ech/offer.h"
#include "shim/common/tls_libraries.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"

enum { SPREAD = 2000, HOST_NAME_LENGTH = 18 /* of the captured hellos */ };

static const struct ech_grease_shape openssl_shape = {
    .sizes = OPENSSL_SIZES, .ordinary = true, .parts.host_name = HOST_NAME_LENGTH};

/* One GREASE extension; the caller frees *w. */
static struct ech_ech_client_hello make(const struct ech_grease_shape *shape,
                                        struct test_source *source, struct writer *w)
{
    struct ech_random random = test_random(source);
    struct ech_ech_client_hello ech;
    wr_init(w, 0);
    cr_assert_eq(ech_grease_make(shape, &random, w), ECH_OK);
    cr_assert_eq(ech_ech_client_hello_parse(wr_view(w), &ech), ECH_OK);
    cr_assert_eq(ech.type, ECH_CLIENT_HELLO_OUTER);
    return ech;
}

/* Calls `look` with many of them. */
static void look_at_many(void (*look)(const struct ech_ech_client_hello *ech, void *argument),
                         void *argument)
{
    struct test_source source = {.state = 1};
    for (int i = 0; i < SPREAD; i++) {
        struct writer w;
        struct ech_ech_client_hello ech = make(&openssl_shape, &source, &w);
        look(&ech, argument);
        wr_free(&w);
    }
}

static void count_config_id(const struct ech_ech_client_hello *ech, void *argument)
{
    unsigned *counts = argument;
    counts[ech->config_id]++;
}

Test(grease, ech_97_config_id_is_any_octet)
{
    unsigned counts[256] = {0};
    look_at_many(count_config_id, counts);
    unsigned met = 0;
    for (size_t i = 0; i < 256; i++) {
        met += counts[i] > 0;
        cr_assert_lt(counts[i], 40u, "%zu: %u times", i, counts[i]);
    }
    cr_assert_gt(met, 240u);
}

static void count_suite(const struct ech_ech_client_hello *ech, void *argument)
{
    unsigned *counts = argument;
    cr_assert_eq(ech->kdf_id, ECH_KDF_SHA256);
    cr_assert(ech->aead_id >= ECH_AEAD_AES_128_GCM && ech->aead_id <= ECH_AEAD_CHACHA20_POLY1305);
    cr_assert(ech_hpke_aead_supported(ech->aead_id));
    counts[ech->aead_id]++;
}

Test(grease, ech_98_the_suite_varies_over_plausible_ones)
{
    unsigned counts[4] = {0};
    look_at_many(count_suite, counts);
    cr_assert_gt(counts[ECH_AEAD_AES_128_GCM], SPREAD * 3 / 4);
    cr_assert_gt(counts[ECH_AEAD_CHACHA20_POLY1305], SPREAD / 20);
    cr_assert_gt(counts[ECH_AEAD_AES_256_GCM], SPREAD / 50);
}

/* The previous enc and payload: they must never repeat. */
struct earlier {
    uint8_t enc[32];
    uint8_t payload[192 + ECH_AEAD_TAG];
};

static void check_random_parts(const struct ech_ech_client_hello *ech, void *argument)
{
    struct earlier *earlier = argument;
    cr_assert_eq(ech->enc.len, sizeof earlier->enc);
    cr_assert_eq(ech_dh_check_public(ECH_GROUP_X25519, ech->enc), ECH_OK);
    /* RFC 7748, 5: less than 2^255 - 19, so the highest bit is clear. */
    cr_assert_eq(ech->enc.data[31] & 0x80, 0);
    cr_assert_neq(memcmp(ech->enc.data, earlier->enc, sizeof earlier->enc), 0);
    cr_assert_eq(ech->payload.len, sizeof earlier->payload);
    cr_assert_neq(memcmp(ech->payload.data, earlier->payload, sizeof earlier->payload), 0);
    memcpy(earlier->enc, ech->enc.data, sizeof earlier->enc);
    memcpy(earlier->payload, ech->payload.data, sizeof earlier->payload);
}

Test(grease, ech_99_enc_is_a_random_valid_key)
{
    struct earlier earlier = {{0}, {0}};
    look_at_many(check_random_parts, &earlier);
}

Test(grease, ech_99_enc_is_the_public_key_of_some_private_key)
{
    /* The third to the thirty-fifth octet of the source make the private key. */
    struct test_source source = {.state = 7};
    struct test_source again = {.state = 7};
    struct ech_random random = test_random(&again);
    struct writer w;
    uint8_t skipped[2];
    uint8_t private_key[32];
    uint8_t public_key[32];
    struct ech_ech_client_hello ech = make(&openssl_shape, &source, &w);
    cr_assert_eq(ech_random_fill(&random, skipped, sizeof skipped), ECH_OK);
    cr_assert_eq(ech_dh_generate(ECH_GROUP_X25519, &random, private_key, public_key), ECH_OK);
    cr_assert(bytes_equal(ech.enc, bytes_of(public_key, sizeof public_key)));
    wr_free(&w);
}

/* ---- ECH-100: the length is that of real ECH ---- */

/* How the outer hello is made. */
struct way {
    enum ech_key_share_rule rule;
    bool ordinary; /* it offers TLS 1.2, too */
};
static const struct way own_ordinary = {ECH_KEY_SHARE_OWN, true};
static const struct way copied = {ECH_KEY_SHARE_SHARED, false};
static const struct way ordinary = {ECH_KEY_SHARE_SHARED, true};

static size_t real_payload_with(struct bytes hello, struct ech_hello_sizes sizes,
                                const struct way *way, struct ech_exchange_options options)
{
    static const uint8_t suites[] = {0x13, 2, 0x13, 3, 0x13, 1, 0x13, 4, 0xc0, 0x2f};
    static const uint8_t versions[] = {3, 4, 3, 3};
    struct test_server server;
    struct test_source source = {.state = 1};
    options.sizes = sizes;
    options.random = test_random(&source);
    options.key_share_rule = way->rule;
    struct ech_offer offer;
    struct ech_client_hello inner;
    struct writer outer;
    if (way->ordinary) {
        options.ordinary =
            (struct ech_ordinary_hello){.cipher_suites = bytes_of(suites, sizeof suites),
                                        .supported_versions = bytes_of(versions, sizeof versions)};
    }
    test_server_init(&server, 0);
    ech_offer_init(&offer);
    wr_init(&outer, 0);
    cr_assert_eq(ech_client_hello_parse(hello, &inner), ECH_OK);
    cr_assert_eq(ech_offer_first(&offer, &inner, NULL, &server.choice, &options, &outer), ECH_OK);
    struct ech_ech_client_hello ech;
    cr_assert_eq(ech_ech_client_hello_parse(
                     hello_extension(wr_view(&outer), ECH_EXT_ENCRYPTED_CLIENT_HELLO), &ech),
                 ECH_OK);
    size_t length = ech.payload.len;
    wr_free(&outer);
    ech_offer_wipe(&offer);
    test_server_free(&server);
    return length;
}

static size_t real_payload(struct bytes hello, struct ech_hello_sizes sizes, const struct way *way)
{
    return real_payload_with(hello, sizes, way,
                             (struct ech_exchange_options){.least_pre_shared_key = 0});
}

/* What an adapter would report for the application of this hello. */
static struct ech_grease_shape shape_of(struct bytes hello, struct ech_hello_sizes sizes,
                                        const struct way *way)
{
    struct ech_client_hello parsed;
    struct bytes host_name;
    cr_assert_eq(ech_client_hello_parse(hello, &parsed), ECH_OK);
    cr_assert_eq(ech_client_hello_server_name(&parsed, &host_name), ECH_OK);
    const struct ech_extension *psk = ech_client_hello_find(&parsed, ECH_EXT_PRE_SHARED_KEY);
    return (struct ech_grease_shape){
        .sizes = sizes,
        .ordinary = way->ordinary,
        .parts = {.host_name = host_name.len,
                  .pre_shared_key = psk != NULL ? psk->raw.len : 0,
                  .cipher_suites = parsed.cipher_suites.len},
    };
}

static void check_length(struct bytes hello, struct ech_hello_sizes sizes, const struct way *way)
{
    struct ech_grease_shape shape = shape_of(hello, sizes, way);
    struct test_source source = {.state = 3};
    struct writer w;
    struct ech_ech_client_hello ech = make(&shape, &source, &w);
    size_t real = real_payload(hello, sizes, way);
    cr_assert_eq(ech.payload.len, real, "%zu octets, real ECH has %zu", ech.payload.len, real);
    cr_assert_eq((ech.payload.len - ECH_AEAD_TAG) % 32, 0u);
    wr_free(&w);
}

Test(grease, ech_100_the_sizes_here_are_those_of_the_libraries)
{
    const struct ech_hello_sizes sizes = OPENSSL_SIZES;
    const struct ech_hello_sizes gnutls = GNUTLS_SIZES;
    const struct ech_hello_sizes post_quantum = POST_QUANTUM_SIZES;
    const struct shim_tls_library *openssl = &shim_tls_libraries[SHIM_FAMILY_OPENSSL];
    cr_assert_eq(memcmp(&sizes, &openssl->sizes, sizeof sizes), 0);
    cr_assert_eq(memcmp(&gnutls, &shim_tls_libraries[SHIM_FAMILY_GNUTLS].sizes, sizeof gnutls), 0);
    cr_assert_eq(
        memcmp(&post_quantum.ordinary, &openssl->post_quantum_size, sizeof post_quantum.ordinary),
        0);
}

/* A hello like that of OpenSSL 3.5: it lists 26 signature schemes. */
static struct octets post_quantum_hello(size_t name_length)
{
    static const uint8_t schemes[2 + 2 * 26] = {0, 2 * 26};
    struct octets named = hello_named(hello_pq, name_length);
    struct octets hello = hello_with(octets_view(&named), ECH_EXT_SIGNATURE_ALGORITHMS,
                                     bytes_of(schemes, sizeof schemes));
    octets_free(&named);
    return hello;
}

Test(grease, ech_100_the_payload_is_as_long_as_that_of_real_ech)
{
    const struct way *ways[] = {&copied, &ordinary};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        check_length(hello_openssl, OPENSSL_SIZES, ways[i]);
        check_length(hello_openssl_ip, OPENSSL_SIZES, ways[i]);
        check_length(hello_openssl_psk, OPENSSL_SIZES, ways[i]);
        check_length(hello_gnutls, GNUTLS_SIZES, ways[i]);
    }
    struct octets post_quantum = post_quantum_hello(18);
    check_length(octets_view(&post_quantum), POST_QUANTUM_SIZES, &copied);
    check_length(octets_view(&post_quantum), POST_QUANTUM_SIZES, &ordinary);
    octets_free(&post_quantum);
}

Test(grease, ech_100_so_it_is_for_names_of_any_length)
{
    for (size_t length = 1; length <= 253; length++) {
        struct octets openssl = hello_named(hello_openssl, length);
        struct octets gnutls = hello_named(hello_gnutls, length);
        struct octets post_quantum = post_quantum_hello(length);
        check_length(octets_view(&openssl), OPENSSL_SIZES, &copied);
        check_length(octets_view(&openssl), OPENSSL_SIZES, &ordinary);
        check_length(octets_view(&gnutls), GNUTLS_SIZES, &ordinary);
        check_length(octets_view(&post_quantum), POST_QUANTUM_SIZES, &ordinary);
        octets_free(&openssl);
        octets_free(&gnutls);
        octets_free(&post_quantum);
    }
}

/* Without the ALPN list of browsers the inner hello is shorter, and that does not show: nobody can
 * tell GREASE whether there is one. */
Test(grease, ech_100_so_it_is_without_an_alpn_list)
{
    for (size_t length = 1; length <= 253; length++) {
        struct octets named = post_quantum_hello(length);
        struct octets hello = hello_without(octets_view(&named), ECH_EXT_ALPN);
        check_length(octets_view(&hello), POST_QUANTUM_SIZES, &ordinary);
        check_length(octets_view(&hello), POST_QUANTUM_SIZES, &copied);
        octets_free(&named);
        octets_free(&hello);
    }
}

/* A longer ALPN list counts like a name. */
Test(grease, ech_100_a_long_alpn_list_counts)
{
    const struct ech_hello_size size = POST_QUANTUM_SIZES.ordinary;
    enum { NAME = 46, BROWSERS = 12, LONGER = 9, POST_QUANTUM_FLOOR = 256 };
    struct ech_hello_parts parts = {.host_name = NAME, .alpn = BROWSERS};
    cr_assert_eq(ech_hello_floor(&size, &parts), POST_QUANTUM_FLOOR);
    parts.alpn = BROWSERS + LONGER;
    cr_assert_eq(ech_hello_floor(&size, &parts), size.unpadded + NAME + LONGER);
    parts.alpn = 0;
    cr_assert_eq(ech_hello_floor(&size, &parts), POST_QUANTUM_FLOOR);
}

/* With the ALPN list of browsers. */
static struct octets openssl_hello(size_t name_length)
{
    return hello_named(hello_openssl, name_length);
}

static struct octets gnutls_hello(size_t name_length)
{
    return hello_named(hello_gnutls, name_length);
}

static void check_floor(struct octets (*hello_of)(size_t name_length), struct ech_hello_sizes sizes,
                        const struct way *way, size_t floor)
{
    for (size_t length = 1; length <= 46; length++) {
        struct octets named = hello_of(length);
        size_t payload = real_payload(octets_view(&named), sizes, way) - ECH_AEAD_TAG;
        cr_assert_eq(payload, floor, "a name of %zu: %zu", length, payload);
        octets_free(&named);
    }
}

Test(grease, ech_40_the_floors_hide_names_of_46_octets)
{
    check_floor(openssl_hello, OPENSSL_SIZES, &ordinary, 192);
    check_floor(openssl_hello, OPENSSL_SIZES, &own_ordinary, 192);
    check_floor(gnutls_hello, GNUTLS_SIZES, &ordinary, 160);
    check_floor(gnutls_hello, GNUTLS_SIZES, &own_ordinary, 288);
    check_floor(post_quantum_hello, POST_QUANTUM_SIZES, &ordinary, 256);
}

Test(grease, ech_100_a_ticket_is_counted)
{
    struct ech_client_hello parsed;
    struct ech_offered_psks psks;
    struct reader identity;
    cr_assert_eq(ech_client_hello_parse(hello_openssl_psk, &parsed), ECH_OK);
    const struct ech_extension *psk = ech_client_hello_find(&parsed, ECH_EXT_PRE_SHARED_KEY);
    cr_assert_eq(ech_offered_psks_parse(psk->data, &psks), ECH_OK);
    cr_assert(rd_vec16(&psks.identities, &identity));
    /* TLS_AES_256_GCM_SHA384 */
    cr_assert_eq(ech_grease_pre_shared_key(identity.len, 0x1302), psk->raw.len);
    cr_assert_eq(ech_grease_pre_shared_key(identity.len, 0x1301), psk->raw.len - 16);
    cr_assert_eq(ech_grease_pre_shared_key(0, 0x1302), 0u);
    cr_assert_eq(ech_grease_pre_shared_key(identity.len, 0xc02f), 0u);
}

Test(grease, ech_100_the_floors)
{
    struct ech_grease_shape shape = {.sizes = OPENSSL_SIZES, .parts.host_name = 15};
    cr_assert_eq(ech_grease_inner_length(&shape), 128u);
    shape.ordinary = true;
    cr_assert_eq(ech_grease_inner_length(&shape), 192u);
    shape.sizes = POST_QUANTUM_SIZES;
    cr_assert_eq(ech_grease_inner_length(&shape), 256u);
    shape.sizes = GNUTLS_SIZES;
    cr_assert_eq(ech_grease_inner_length(&shape), 160u);
    shape.ordinary = false;
    cr_assert_eq(ech_grease_inner_length(&shape), 128u);
}

Test(grease, ech_100_never_longer_than_servers_take)
{
    struct ech_grease_shape shape = {.sizes = OPENSSL_SIZES, .parts.pre_shared_key = 1320};
    cr_assert_eq(ech_grease_inner_length(&shape), 1440u);
    shape.parts.pre_shared_key = 1380;
    cr_assert_eq(ech_grease_inner_length(&shape), 1472u);
    shape.parts.pre_shared_key = 60000;
    cr_assert_leq(ech_grease_inner_length(&shape) + ECH_AEAD_TAG, (size_t)ECH_PAYLOAD_MAX);
}

/* An inner hello that lists suites of TLS 1.2 too, as the libraries make it when the program
 * changes settings late, or (GnuTLS) has pre-shared keys. */
Test(grease, ech_100_more_cipher_suites_are_counted)
{
    static const uint16_t list[100] = {0x1301, 0x1302, 0x1303};
    for (size_t count = 1; count <= sizeof list / sizeof *list; count++) {
        struct octets openssl = hello_with_suites(hello_openssl, list, count);
        struct octets gnutls = hello_with_suites(hello_gnutls, list, count);
        check_length(octets_view(&openssl), OPENSSL_SIZES, &copied);
        check_length(octets_view(&gnutls), GNUTLS_SIZES, &copied);
        octets_free(&openssl);
        octets_free(&gnutls);
    }
}

/* A PSK of the program's own: its length is known to neither before the hello is made. */
Test(grease, ech_100_a_psk_of_unknown_length)
{
    struct ech_exchange_options options = {.least_pre_shared_key = ECH_OWN_PSK_GUESS};
    struct ech_grease_shape shape = shape_of(hello_openssl, OPENSSL_SIZES, &copied);
    shape.parts.pre_shared_key = ECH_OWN_PSK_GUESS;
    cr_assert_eq(real_payload_with(hello_openssl, OPENSSL_SIZES, &copied, options) - ECH_AEAD_TAG,
                 ech_grease_inner_length(&shape));
    /* A longer one shows, as a ticket does. */
    cr_assert_eq(real_payload_with(hello_openssl_psk, OPENSSL_SIZES, &copied, options),
                 real_payload(hello_openssl_psk, OPENSSL_SIZES, &copied));
}

/* ---- failures, and answers ---- */

static enum ech_status no_random(void *context, uint8_t *out, size_t len)
{
    unsigned *left = context;
    memset(out, 1, len);
    return (*left)-- > 0 ? ECH_OK : ECH_ERR_CRYPTO;
}

Test(grease, nothing_is_made_without_randomness)
{
    for (unsigned draws = 0; draws < 3; draws++) {
        unsigned left = draws;
        struct ech_random random = {.fill = no_random, .context = &left};
        struct writer w;
        wr_init(&w, 0);
        cr_assert_eq(ech_grease_make(&openssl_shape, &random, &w), ECH_ERR_CRYPTO);
        cr_assert_eq(wr_view(&w).len, 0u);
        wr_free(&w);
    }
}

Test(grease, ech_102_a_retry_request_has_8_octets)
{
    static const uint8_t octets[16];
    for (size_t len = 0; len <= sizeof octets; len++) {
        cr_assert_eq(ech_grease_check_retry_request(bytes_of(octets, len)),
                     len == 8 ? ECH_OK : ECH_ERR_DECODE, "%zu", len);
    }
}

Test(grease, ech_102_encrypted_extensions_hold_a_config_list)
{
    struct test_server server;
    test_server_init(&server, 0);
    struct bytes list = octets_view(&server.list);
    cr_assert_eq(ech_grease_check_encrypted_extensions(list), ECH_OK);
    for (size_t len = 0; len < list.len; len++) {
        cr_assert_eq(ech_grease_check_encrypted_extensions(bytes_of(list.data, len)),
                     ECH_ERR_DECODE);
    }
    struct writer longer;
    wr_init(&longer, 0);
    wr_bytes(&longer, list);
    wr_u8(&longer, 0);
    cr_assert_eq(ech_grease_check_encrypted_extensions(wr_view(&longer)), ECH_ERR_DECODE);
    wr_free(&longer);
    test_server_free(&server);
    /* Of an unknown version: well-formed, and ignored like the others. */
    cr_assert_eq(ech_grease_check_encrypted_extensions(BYTES(0, 5, 0xfe, 0x0a, 0, 1, 9)), ECH_OK);
    cr_assert_eq(ech_grease_check_encrypted_extensions(BYTES(0, 0)), ECH_ERR_DECODE);
}

Test(grease, ech_102_malformed_retry_configs)
{
    json_t *root = vectors_load("echconfig");
    size_t malformed = 0;
    size_t i;
    json_t *vector;
    json_array_foreach(vectors_get(root, "lists"), i, vector)
    {
        if (!json_is_string(json_object_get(vector, "hex"))) {
            continue;
        }
        bool ok = strcmp(vectors_text(vector, "list_verdict"), "ok") == 0 ||
                  strcmp(vectors_text(vector, "id"), "m-every-prefix") == 0;
        struct octets list = octets_get(vector, "hex");
        cr_assert_eq(ech_grease_check_encrypted_extensions(octets_view(&list)),
                     ok ? ECH_OK : ECH_ERR_DECODE, "%s", vectors_text(vector, "id"));
        malformed += !ok;
        octets_free(&list);
    }
    cr_assert_gt(malformed, 10u);
    json_decref(root);
}
