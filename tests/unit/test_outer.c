/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/grease_psk.h"
#include "ech/key_share.h"
#include "ech/outer.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"

/* ---- the handshake vectors: AAD and sealing with the vectors' own outer hello ---- */

static void serialize(const struct ech_client_hello *hello, size_t first, size_t end,
                      struct writer *w)
{
    wr_init(w, 0);
    for (size_t i = first; i < end; i++) {
        wr_bytes(w, hello->extensions[i].raw);
    }
}

static void check_vector(const json_t *item, struct ech_hpke *hpke, struct ech_hpke_suite suite)
{
    struct octets message = octets_get(item, "client_hello_outer");
    struct octets encoded = octets_get(item, "encoded_client_hello_inner");
    struct ech_client_hello hello;
    struct ech_ech_client_hello ech;
    struct writer before;
    struct writer after;
    struct writer out;
    cr_assert_eq(ech_client_hello_parse(octets_view(&message), &hello), ECH_OK);
    const struct ech_extension *e = ech_client_hello_find(&hello, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    cr_assert_eq(ech_ech_client_hello_parse(e->data, &ech), ECH_OK);
    size_t at = (size_t)(e - hello.extensions);
    serialize(&hello, 0, at, &before);
    serialize(&hello, at + 1, hello.extension_count, &after);
    const struct ech_outer_hello outer = {
        .legacy_version = hello.legacy_version,
        .random = hello.random,
        .legacy_session_id = hello.legacy_session_id,
        .cipher_suites = hello.cipher_suites,
        .legacy_compression_methods = hello.legacy_compression_methods,
        .extensions_before = wr_view(&before),
        .extensions_after = wr_view(&after),
        .suite = suite,
        .config_id = ech.config_id,
        .enc = ech.enc,
    };
    struct octets zeros = octets_new(ech.payload.len);
    wr_init(&out, 0);
    cr_assert_eq(ech_outer_encode(&outer, octets_view(&zeros), &out), ECH_OK);
    assert_hex(wr_view(&out), vectors_text(item, "client_hello_outer_aad"), "AAD");
    wr_free(&out);
    cr_assert_eq(ech_outer_seal(&outer, hpke, octets_view(&encoded), &out), ECH_OK);
    assert_hex(wr_view(&out), vectors_text(item, "client_hello_outer"), "ClientHelloOuter");
    wr_free(&out);
    wr_free(&before);
    wr_free(&after);
    octets_free(&zeros);
    octets_free(&message);
    octets_free(&encoded);
}

Test(outer, ech_54_ech_66_vectors)
{
    json_t *file = vectors_load("ech-handshake");
    const json_t *keys = vectors_get(file, "hpke");
    struct octets list = octets_get(file, "ech_config_list");
    struct octets info = octets_get(keys, "info");
    struct octets ephemeral = octets_get(keys, "skE");
    struct ech_config_choice choice;
    struct ech_hpke hpke;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    cr_assert_eq(ech_hpke_setup_sender_with(&hpke, choice.suite, choice.config.public_key,
                                            octets_view(&info), octets_view(&ephemeral), enc),
                 ECH_OK);
    assert_hex(bytes_of(enc, 32), vectors_text(keys, "enc"), "enc");
    check_vector(vectors_get(file, "first"), &hpke, choice.suite);
    check_vector(vectors_get(vectors_get(file, "after_hrr"), "second"), &hpke, choice.suite);
    octets_free(&list);
    octets_free(&info);
    octets_free(&ephemeral);
    json_decref(file);
}

/* ---- the mirror ---- */

static bool copies_with(enum ech_outer_share share, uint16_t type, struct bytes data)
{
    const struct ech_extension extension = {.type = type, .data = data};
    return ech_outer_copies(&extension, (struct ech_outer_plan){.share = share});
}

static bool copies(uint16_t type, struct bytes data)
{
    return copies_with(ECH_OUTER_SHARE_OWN, type, data);
}

static enum ech_outer_share share_of(bool shared)
{
    return shared ? ECH_OUTER_SHARE_SHARED : ECH_OUTER_SHARE_OWN;
}

Test(outer, ech_51_only_what_is_known_is_copied)
{
    static const uint16_t copied[] = {1,  5,  10, 11, 13, 14, 15, 16, 18,    22,     23,
                                      27, 28, 42, 43, 44, 45, 49, 50, 17513, 0x0a0a, 0xfafa};
    size_t count = 0;
    for (uint32_t type = 0; type <= 0xffff; type++) {
        bool expected = ech_is_grease((uint16_t)type);
        for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
            expected = expected || copied[i] == type;
        }
        cr_assert_eq(copies((uint16_t)type, BYTES(1, 2)), expected, "type %u", type);
        count += expected;
    }
    cr_assert_eq(count, 20 + 16);
    cr_assert(copies(ECH_EXT_SESSION_TICKET, bytes_of(NULL, 0)));
    cr_assert_not(copies(ECH_EXT_SESSION_TICKET, BYTES(0)));
    cr_assert(copies(ECH_EXT_RENEGOTIATION_INFO, BYTES(0)));
    cr_assert_not(copies(ECH_EXT_RENEGOTIATION_INFO, BYTES(1, 7)));
    cr_assert_not(copies(ECH_EXT_RENEGOTIATION_INFO, bytes_of(NULL, 0)));
}

/* The engine reads CompressedCertificate, so the list is as in the program's ordinary hello. */
Test(outer, compress_certificate_is_copied)
{
    struct bytes brotli = BYTES(2, 0, 2);
    cr_assert(copies_with(ECH_OUTER_SHARE_OWN, ECH_EXT_COMPRESS_CERTIFICATE, brotli));
    cr_assert(copies_with(ECH_OUTER_SHARE_OWN_SECOND, ECH_EXT_COMPRESS_CERTIFICATE, brotli));
    cr_assert(copies_with(ECH_OUTER_SHARE_PROGRAM, ECH_EXT_COMPRESS_CERTIFICATE, brotli));
    cr_assert(copies_with(ECH_OUTER_SHARE_SHARED, ECH_EXT_COMPRESS_CERTIFICATE, brotli));
    cr_assert(copies_with(ECH_OUTER_SHARE_OWN_SECOND, ECH_EXT_KEY_SHARE, BYTES(0, 0)));
}

static struct octets mirrored(struct bytes message, const struct ech_outer_fields *fields,
                              size_t *count_before)
{
    struct ech_client_hello inner;
    struct writer before;
    struct writer after;
    wr_init(&before, 0);
    wr_init(&after, 0);
    cr_assert_eq(ech_client_hello_parse(message, &inner), ECH_OK);
    cr_assert_eq(ech_outer_mirror(&inner, fields, &before, &after), ECH_OK);
    *count_before = wr_view(&before).len;
    wr_bytes(&before, wr_view(&after));
    struct octets all = octets_copy(wr_view(&before));
    wr_free(&before);
    wr_free(&after);
    return all;
}

static struct ech_outer_fields fields_for(bool shared)
{
    static const uint8_t key_share[] = {0, 5, 0, 29, 0, 1, 0x42};
    static const uint8_t pre_shared_key[] = {9, 9};
    return (struct ech_outer_fields){.server_name = bytes_of("p.example", 9),
                                     .plan = {.share = share_of(shared)},
                                     .key_share = bytes_of(key_share, sizeof key_share),
                                     .pre_shared_key =
                                         bytes_of(pre_shared_key, sizeof pre_shared_key)};
}

/* The types of the mirrored extensions, and whether each is as in the inner hello. */
static void check_mirror(struct bytes message, bool shared)
{
    struct ech_client_hello inner;
    size_t before;
    const struct ech_outer_fields fields = fields_for(shared);
    struct octets all = mirrored(message, &fields, &before);
    struct reader r = rd_of(octets_view(&all));
    cr_assert_eq(ech_client_hello_parse(message, &inner), ECH_OK);
    for (size_t i = 1; i < inner.extension_count; i++) {
        struct ech_extension e;
        cr_assert(ech_extension_read(&r, &e));
        cr_assert_eq(e.type, inner.extensions[i].type);
        bool same = bytes_equal(e.raw, inner.extensions[i].raw);
        bool replaced = e.type == ECH_EXT_SERVER_NAME || e.type == ECH_EXT_PRE_SHARED_KEY ||
                        (e.type == ECH_EXT_KEY_SHARE && !shared);
        cr_assert_eq(same, !replaced, "type %u", e.type);
    }
    cr_assert(rd_done(&r));
    cr_assert_eq(before, 0);
    octets_free(&all);
}

Test(outer, ech_31_ech_48_ech_50_the_mirror_keeps_the_order)
{
    check_mirror(hello_openssl, false);
    check_mirror(hello_openssl_psk, false);
    check_mirror(hello_openssl_early, true);
    check_mirror(hello_gnutls, false);
    check_mirror(hello_gnutls, true);
    check_mirror(hello_pq, true);
}

Test(outer, ech_45_server_name_is_public_name)
{
    size_t before;
    const struct ech_outer_fields fields = fields_for(false);
    struct octets all = mirrored(hello_openssl, &fields, &before);
    struct reader r = rd_of(octets_view(&all));
    struct ech_extension e;
    cr_assert(ech_extension_read(&r, &e) && e.type == ECH_EXT_SERVER_NAME);
    assert_hex(e.data, "000c000009702e6578616d706c65", "server_name");
    cr_assert_not(holds(octets_view(&all), bytes_of("secret", 6)));
    octets_free(&all);
}

Test(outer, ech_45_a_hello_without_a_name_gets_one)
{
    size_t before;
    const struct ech_outer_fields fields = fields_for(false);
    struct octets all = mirrored(hello_openssl_ip, &fields, &before);
    struct reader r = rd_of(octets_view(&all));
    struct ech_extension e;
    cr_assert_eq(before, 0);
    cr_assert(ech_extension_read(&r, &e) && e.type == ECH_EXT_SERVER_NAME);
    octets_free(&all);
}

Test(outer, ech_51_unknown_extensions_stay_inside)
{
    static const uint16_t inside[] = {19, 20, 21, 25, 47, 0x1234};
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        size_t before;
        const struct ech_outer_fields fields = fields_for(true);
        struct octets hello = hello_with(hello_openssl, inside[i], bytes_of("context", 7));
        struct octets all = mirrored(octets_view(&hello), &fields, &before);
        cr_assert_not(holds(octets_view(&all), bytes_of("context", 7)), "type %u", inside[i]);
        octets_free(&all);
        octets_free(&hello);
    }
}

/* ---- the run ---- */

static void check_run(struct bytes message, bool shared, uint16_t first, uint16_t last)
{
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(message, &inner), ECH_OK);
    struct ech_run run =
        ech_outer_run(&inner, &inner, (struct ech_outer_plan){.share = share_of(shared)});
    cr_assert_gt(run.count, 0);
    cr_assert_eq(inner.extensions[run.first].type, first);
    cr_assert_eq(inner.extensions[run.first + run.count - 1].type, last);
}

Test(outer, ech_26_ech_29_the_run)
{
    check_run(hello_openssl, false, 11, 45);
    check_run(hello_openssl, true, 11, 51);
    check_run(hello_openssl_psk, true, 11, 51);
    check_run(hello_gnutls, false, 5, 35);
    check_run(hello_gnutls, true, 5, 0xff01);
}

/* What counts is the length of the encoding: a share that both hellos hold may stand outside. */
Test(outer, the_run_makes_the_shortest_encoding)
{
    struct octets without = hello_without(hello_openssl, ECH_EXT_KEY_SHARE);
    struct octets split = hello_with(octets_view(&without), 0x1234, BYTES(1));
    struct octets hello = hello_with(octets_view(&split), ECH_EXT_KEY_SHARE,
                                     hello_extension(hello_openssl, ECH_EXT_KEY_SHARE));
    check_run(octets_view(&hello), true, 11, 45);
    check_run(octets_view(&hello), false, 11, 45);
    octets_free(&hello);
    hello = hello_with(octets_view(&split), ECH_EXT_KEY_SHARE,
                       hello_extension(hello_pq, ECH_EXT_KEY_SHARE));
    check_run(octets_view(&hello), true, ECH_EXT_KEY_SHARE, ECH_EXT_KEY_SHARE);
    octets_free(&without);
    octets_free(&split);
    octets_free(&hello);
}

/* One extension of no contents is no shorter as a type in ech_outer_extensions. */
/* Octets that ech_outer_pad adds to a hello of so many. `pattern` has padding itself or not, and
 * ends by an empty extension. */
static size_t padding_for(size_t octets, bool has_padding, bool has_session)
{
    static const struct ech_extension empty_last[] = {{.type = ECH_EXT_PADDING},
                                                      {.type = ECH_EXT_EXTENDED_MASTER_SECRET}};
    static const uint8_t session[] = {1, 2, 3};
    struct ech_client_hello pattern = {.extension_count = 1};
    struct ech_outer_fields fields = {.server_name = bytes_of(NULL, 0)};
    struct writer after;
    wr_init(&after, 0);
    pattern.extensions[0] = empty_last[1];
    if (has_padding) {
        pattern.extensions[pattern.extension_count++] = empty_last[0];
    }
    ech_extension_write(&after, ECH_EXT_EXTENDED_MASTER_SECRET, bytes_of(NULL, 0));
    if (has_session) {
        fields.pre_shared_key = bytes_of(session, sizeof session);
        ech_extension_write(&after, ECH_EXT_PRE_SHARED_KEY, fields.pre_shared_key);
    }
    size_t before = wr_view(&after).len;
    cr_assert_eq(ech_outer_pad(&pattern, &fields, octets, &after), ECH_OK);
    size_t added = wr_view(&after).len - before;
    if (has_session) {
        /* RFC 8446, 4.2.11: it stays the last one. */
        cr_assert(memcmp(wr_view(&after).data + wr_view(&after).len - 3, session, 3) == 0);
    }
    wr_free(&after);
    return added;
}

/* RFC 7685, 4. The extension has one octet at least. */
Test(outer, hellos_of_256_to_511_octets_are_padded)
{
    for (int session = 0; session < 2; session++) {
        for (size_t octets = 200; octets < 600; octets++) {
            size_t added = padding_for(octets, false, session == 1);
            bool wanted = octets >= 256 && octets < 512;
            size_t expected = octets > 507 ? 5 : 512 - octets;
            cr_assert_eq(added, wanted ? expected : 0, "%zu: %zu", octets, added);
        }
    }
}

/* If the library pads for that reason. */
Test(outer, no_empty_extension_is_the_last_one)
{
    cr_assert_eq(padding_for(600, true, false), 5);
    cr_assert_eq(padding_for(200, true, false), 5);
    cr_assert_eq(padding_for(600, false, false), 0);
    cr_assert_eq(padding_for(600, true, true), 0);
}

/* What the pattern has in another order, or with other octets, ech_outer_extensions cannot stand
 * for. */
Test(outer, ech_31_a_run_is_in_the_order_of_the_pattern)
{
    struct ech_client_hello inner;
    struct ech_client_hello pattern;
    const struct ech_outer_plan plan = {.share = ECH_OUTER_SHARE_SHARED};
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &inner), ECH_OK);
    pattern = inner;
    struct ech_run all = ech_outer_run(&inner, &pattern, plan);
    cr_assert_gt(all.count, 3);
    for (size_t i = 0; i + 1 < pattern.extension_count; i++) {
        struct ech_extension moved = pattern.extensions[i];
        pattern.extensions[i] = pattern.extensions[i + 1];
        pattern.extensions[i + 1] = moved;
        struct ech_run run = ech_outer_run(&inner, &pattern, plan);
        bool both = i >= run.first && i + 1 < run.first + run.count;
        cr_assert_not(both, "extensions %zu and %zu", i, i + 1);
        pattern = inner;
        if (i >= all.first && i < all.first + all.count) {
            pattern.extensions[i].raw.len--;
            run = ech_outer_run(&inner, &pattern, plan);
            cr_assert_not(i >= run.first && i < run.first + run.count, "extension %zu", i);
            pattern = inner;
        }
    }
}

Test(outer, a_run_that_saves_nothing_is_none)
{
    struct octets hello = hello_without(hello_openssl_ip, ECH_EXT_KEY_SHARE);
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(octets_view(&hello), &inner), ECH_OK);
    for (size_t i = 0; i < inner.extension_count; i++) {
        if (inner.extensions[i].type == ECH_EXT_ENCRYPT_THEN_MAC) {
            inner.extensions[0] = inner.extensions[i];
        }
    }
    inner.extension_count = 1;
    cr_assert_eq(inner.extensions[0].type, ECH_EXT_ENCRYPT_THEN_MAC);
    cr_assert_eq(
        ech_outer_run(&inner, &inner, (struct ech_outer_plan){.share = ECH_OUTER_SHARE_OWN}).count,
        0);
    octets_free(&hello);
}

Test(outer, ech_33_no_run_is_none)
{
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &inner), ECH_OK);
    inner.extension_count = 2; /* encrypted_client_hello and server_name */
    for (enum ech_outer_share share = ECH_OUTER_SHARE_OWN; share <= ECH_OUTER_SHARE_SHARED;
         share++) {
        cr_assert_eq(ech_outer_run(&inner, &inner, (struct ech_outer_plan){.share = share}).count,
                     0);
    }
}

/* ---- GREASE PSK ---- */

Test(outer, ech_46_ech_47_ech_49_grease_psk)
{
    struct test_source source = {.state = 1};
    const struct ech_random random = test_random(&source);
    struct bytes inner = hello_extension(hello_openssl_psk, ECH_EXT_PRE_SHARED_KEY);
    struct ech_offered_psks ours;
    struct ech_offered_psks real;
    struct reader a;
    struct reader b;
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(ech_grease_psk(inner, &random, &w), ECH_OK);
    cr_assert_eq(wr_view(&w).len, inner.len);
    cr_assert_eq(ech_offered_psks_parse(wr_view(&w), &ours), ECH_OK);
    cr_assert_eq(ech_offered_psks_parse(inner, &real), ECH_OK);
    cr_assert(rd_vec16(&ours.identities, &a) && rd_vec16(&real.identities, &b));
    cr_assert_eq(a.len, b.len);
    cr_assert_not(bytes_equal(rd_rest(&a), rd_rest(&b)));
    uint32_t our_age;
    uint32_t real_age;
    cr_assert(rd_u32(&ours.identities, &our_age) && rd_u32(&real.identities, &real_age));
    cr_assert_neq(our_age, real_age);
    cr_assert(rd_vec8(&ours.binders, &a) && rd_vec8(&real.binders, &b));
    cr_assert_eq(a.len, b.len);
    cr_assert_not(bytes_equal(rd_rest(&a), rd_rest(&b)));
    cr_assert(rd_done(&ours.identities) && rd_done(&ours.binders));
    wr_free(&w);
}

/* ---- own key shares ---- */

static bool possible_with(struct bytes key_share)
{
    struct ech_client_hello hello;
    struct octets changed = hello_with(hello_openssl, ECH_EXT_KEY_SHARE, key_share);
    cr_assert_eq(ech_client_hello_parse(octets_view(&changed), &hello), ECH_OK);
    bool possible = ech_own_key_shares_possible(&hello);
    octets_free(&changed);
    return possible;
}

Test(outer, own_key_shares_where_every_group_is_known)
{
    struct ech_client_hello hello;
    cr_assert_eq(ech_client_hello_parse(hello_gnutls, &hello), ECH_OK);
    cr_assert(ech_own_key_shares_possible(&hello));
    cr_assert_eq(ech_client_hello_parse(hello_pq, &hello), ECH_OK);
    cr_assert_not(ech_own_key_shares_possible(&hello));
    cr_assert(possible_with(BYTES(0, 0)));
    cr_assert(possible_with(BYTES(0, 5, 0, 29, 0, 1, 1)));
    cr_assert_not(possible_with(BYTES(0, 5, 0x1a, 0x1a, 0, 1, 1)));
    cr_assert_not(possible_with(BYTES(0, 5, 1, 0, 0, 1, 1)));
}

Test(outer, own_key_shares_are_keys_of_the_same_groups)
{
    struct test_source source = {.state = 2};
    const struct ech_random random = test_random(&source);
    struct ech_client_hello hello;
    struct ech_own_key_shares own;
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(hello_gnutls, &hello), ECH_OK);
    cr_assert_eq(ech_own_key_shares_make(&hello, &random, &own, &w), ECH_OK);
    cr_assert_eq(own.count, 2);
    cr_assert_eq(wr_view(&w).len, hello_extension(hello_gnutls, ECH_EXT_KEY_SHARE).len);
    struct reader r = rd_of(wr_view(&w));
    struct reader entries;
    cr_assert(rd_vec16(&r, &entries) && rd_done(&r));
    for (size_t i = 0; i < own.count; i++) {
        struct ech_key_share_entry entry;
        uint8_t public_key[ECH_DH_PUBLIC_MAX];
        cr_assert(ech_key_share_read(&entries, &entry));
        cr_assert_eq(entry.group, own.shares[i].group);
        struct bytes private_key =
            bytes_of(own.shares[i].private_key, ech_dh_private_size(entry.group));
        cr_assert_eq(ech_dh_public(entry.group, private_key, public_key), ECH_OK);
        assert_octets(entry.key_exchange, bytes_of(public_key, ech_dh_public_size(entry.group)),
                      "public key");
    }
    ech_own_key_shares_wipe(&own);
    wr_free(&w);
}
