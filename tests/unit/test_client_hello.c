/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/client_hello.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"

static const struct bytes *const all_hellos[] = {
    &hello_openssl, &hello_openssl_hrr1,  &hello_openssl_hrr2, &hello_openssl_psk,
    &hello_gnutls,  &hello_gnutls_hrr1,   &hello_gnutls_hrr2,  &hello_openssl_ip,
    &hello_pq,      &hello_openssl_early,
};

Test(client_hello, real_hellos_parse)
{
    struct ech_client_hello hello;
    for (size_t i = 0; i < sizeof all_hellos / sizeof all_hellos[0]; i++) {
        cr_assert_eq(ech_client_hello_parse(*all_hellos[i], &hello), ECH_OK, "hello %zu", i);
        cr_assert_eq(hello.legacy_version, 0x0303);
        cr_assert_eq(hello.random.len, 32);
        cr_assert_eq(hello.message.len, all_hellos[i]->len);
        cr_assert_eq(hello.extensions[0].type, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
        cr_assert_eq(hello.extensions[0].raw.len, 5);
    }
}

Test(client_hello, every_proper_prefix_fails)
{
    struct ech_client_hello hello;
    for (size_t i = 0; i < sizeof all_hellos / sizeof all_hellos[0]; i++) {
        for (size_t len = 0; len < all_hellos[i]->len; len++) {
            struct octets cut = octets_copy(bytes_of(all_hellos[i]->data, len));
            cr_assert_neq(ech_client_hello_parse(octets_view(&cut), &hello), ECH_OK);
            octets_free(&cut);
        }
    }
}

Test(client_hello, a_prefix_with_a_right_header_fails)
{
    struct ech_client_hello hello;
    for (size_t len = 4; len < hello_openssl_psk.len; len++) {
        struct octets cut = octets_copy(bytes_of(hello_openssl_psk.data, len));
        cut.data[2] = (uint8_t)((len - 4) >> 8);
        cut.data[3] = (uint8_t)((len - 4) & 0xff);
        cr_assert_eq(ech_client_hello_parse(octets_view(&cut), &hello), ECH_ERR_DECODE);
        octets_free(&cut);
    }
}

Test(client_hello, trailing_octets_fail)
{
    struct ech_client_hello hello;
    struct octets longer = octets_new(hello_openssl.len + 1);
    memcpy(longer.data, hello_openssl.data, hello_openssl.len);
    cr_assert_eq(ech_client_hello_parse(octets_view(&longer), &hello), ECH_ERR_DECODE);
    longer.data[3]++;
    cr_assert_eq(ech_client_hello_parse(octets_view(&longer), &hello), ECH_ERR_DECODE);
    octets_free(&longer);
}

Test(client_hello, another_message_fails)
{
    struct ech_client_hello hello;
    struct octets other = octets_copy(hello_openssl);
    other.data[0] = 2;
    cr_assert_eq(ech_client_hello_parse(octets_view(&other), &hello), ECH_ERR_DECODE);
    octets_free(&other);
}

/* Gives the extension at `index` the type of the one at `other`. */
static struct octets with_types_equal(struct bytes message, size_t index, size_t other)
{
    struct ech_client_hello hello;
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    struct octets copy = octets_copy(message);
    size_t at = (size_t)(hello.extensions[index].raw.data - message.data);
    copy.data[at] = (uint8_t)(hello.extensions[other].type >> 8);
    copy.data[at + 1] = (uint8_t)(hello.extensions[other].type & 0xff);
    return copy;
}

Test(client_hello, ech_57_no_type_twice)
{
    struct ech_client_hello hello;
    struct octets twice = with_types_equal(hello_openssl, 5, 2);
    cr_assert_eq(ech_client_hello_parse(octets_view(&twice), &hello), ECH_ERR_ILLEGAL);
    octets_free(&twice);
}

Test(client_hello, ech_57_pre_shared_key_is_last)
{
    struct ech_client_hello hello;
    struct octets moved = octets_copy(hello_openssl);
    cr_assert_eq(ech_client_hello_parse(octets_view(&moved), &hello), ECH_OK);
    size_t at = (size_t)(hello.extensions[3].raw.data - moved.data);
    moved.data[at] = 0;
    moved.data[at + 1] = ECH_EXT_PRE_SHARED_KEY;
    cr_assert_eq(ech_client_hello_parse(octets_view(&moved), &hello), ECH_ERR_ILLEGAL);
    octets_free(&moved);
}

Test(client_hello, too_many_extensions_are_refused)
{
    struct ech_client_hello hello;
    struct octets now = octets_copy(hello_openssl);
    enum ech_status status = ECH_OK;
    for (uint16_t type = 0x7000; status == ECH_OK && type < 0x7100; type++) {
        struct octets next = hello_with(octets_view(&now), type, BYTES(0));
        octets_free(&now);
        now = next;
        status = ech_client_hello_parse(octets_view(&now), &hello);
        if (status == ECH_OK) {
            cr_assert_leq(hello.extension_count, ECH_EXTENSIONS_MAX);
        }
    }
    cr_assert_eq(status, ECH_ERR_SPACE);
    octets_free(&now);
}

Test(client_hello, server_name)
{
    struct ech_client_hello hello;
    struct bytes name;
    cr_assert_eq(ech_client_hello_parse(hello_gnutls, &hello), ECH_OK);
    cr_assert_eq(ech_client_hello_server_name(&hello, &name), ECH_OK);
    assert_octets(name, bytes_of("secret.example.org", 18), "server_name");
    cr_assert_eq(ech_client_hello_parse(hello_openssl_ip, &hello), ECH_OK);
    cr_assert_eq(ech_client_hello_server_name(&hello, &name), ECH_OK);
    cr_assert_eq(name.len, 0);
}

Test(client_hello, bad_server_names)
{
    const struct bytes bad[] = {
        BYTES(0),                                /* cut */
        BYTES(0, 0),                             /* empty list */
        BYTES(0, 3, 0, 0, 0),                    /* empty name */
        BYTES(0, 4, 1, 0, 1, 'a'),               /* another type */
        BYTES(0, 4, 0, 0, 1, 'a', 0),            /* an octet after the list */
        BYTES(0, 8, 0, 0, 1, 'a', 0, 0, 1, 'b'), /* two names */
        BYTES(0, 4, 0, 0, 2, 'a'),               /* longer than the list */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ech_client_hello hello;
        struct bytes name;
        struct octets changed = hello_with(hello_openssl, ECH_EXT_SERVER_NAME, bad[i]);
        cr_assert_eq(ech_client_hello_parse(octets_view(&changed), &hello), ECH_OK);
        cr_assert_eq(ech_client_hello_server_name(&hello, &name), ECH_ERR_DECODE, "case %zu", i);
        octets_free(&changed);
    }
}

Test(client_hello, versions_and_suites)
{
    struct ech_client_hello hello;
    struct reader versions;
    uint16_t version;
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &hello), ECH_OK);
    cr_assert_eq(ech_client_hello_versions(&hello, &versions), ECH_OK);
    cr_assert(rd_u16(&versions, &version) && version == 0x0304 && rd_done(&versions));
    cr_assert(ech_client_hello_offers_suite(&hello, 0x1301));
    cr_assert_not(ech_client_hello_offers_suite(&hello, 0xc02f));
}

Test(client_hello, key_shares)
{
    struct ech_client_hello hello;
    struct reader entries;
    struct ech_key_share_entry entry;
    cr_assert_eq(ech_client_hello_parse(hello_gnutls, &hello), ECH_OK);
    cr_assert_eq(ech_client_hello_key_shares(&hello, &entries), ECH_OK);
    cr_assert(ech_key_share_read(&entries, &entry) && entry.group == ECH_GROUP_P256);
    cr_assert_eq(entry.key_exchange.len, 65);
    cr_assert(ech_key_share_read(&entries, &entry) && entry.group == ECH_GROUP_X25519);
    cr_assert_eq(entry.key_exchange.len, 32);
    cr_assert_not(ech_key_share_read(&entries, &entry));
}

Test(client_hello, bad_key_shares)
{
    const struct bytes bad[] = {
        BYTES(0),       BYTES(0, 4, 0, 29, 0, 0),    BYTES(0, 4, 0, 29, 0, 1),
        BYTES(0, 0, 0), BYTES(0, 5, 0, 29, 0, 2, 1),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ech_client_hello hello;
        struct reader entries;
        struct octets changed = hello_with(hello_openssl, ECH_EXT_KEY_SHARE, bad[i]);
        cr_assert_eq(ech_client_hello_parse(octets_view(&changed), &hello), ECH_OK);
        cr_assert_eq(ech_client_hello_key_shares(&hello, &entries), ECH_ERR_DECODE, "case %zu", i);
        octets_free(&changed);
    }
}

Test(client_hello, every_prefix_of_offered_psks_fails)
{
    struct bytes data = hello_extension(hello_openssl_psk, ECH_EXT_PRE_SHARED_KEY);
    struct ech_offered_psks psks;
    cr_assert_eq(ech_offered_psks_parse(data, &psks), ECH_OK);
    for (size_t len = 0; len < data.len; len++) {
        struct octets cut = octets_copy(bytes_of(data.data, len));
        cr_assert_eq(ech_offered_psks_parse(octets_view(&cut), &psks), ECH_ERR_DECODE);
        octets_free(&cut);
    }
}

Test(client_hello, grease_values)
{
    cr_assert(ech_is_grease(0x0a0a) && ech_is_grease(0xfafa) && ech_is_grease(0x3a3a));
    cr_assert_not(ech_is_grease(0x0a1a) || ech_is_grease(0x0b0b) || ech_is_grease(0x0304));
}

Test(client_hello, ech_53_extension_vectors)
{
    json_t *file = vectors_load("echconfig");
    json_t *cases = vectors_get(file, "ech_extension");
    size_t i;
    json_t *item;
    json_array_foreach(cases, i, item)
    {
        struct ech_ech_client_hello ech;
        struct octets octets = octets_get(item, "hex");
        bool ok = strcmp(vectors_text(item, "verdict"), "ok") == 0;
        cr_assert_eq(ech_ech_client_hello_parse(octets_view(&octets), &ech),
                     ok ? ECH_OK : ECH_ERR_DECODE, "%s", vectors_text(item, "id"));
        octets_free(&octets);
    }
    cr_assert_gt(i, 0);
    json_decref(file);
}

Test(client_hello, ech_53_fields_of_the_outer_variant)
{
    struct ech_ech_client_hello ech;
    static const uint8_t octets[] = {0, 0, 1, 0, 2, 7, 0, 2, 1, 2, 0, 3, 3, 4, 5};
    cr_assert_eq(ech_ech_client_hello_parse(bytes_of(octets, sizeof octets), &ech), ECH_OK);
    cr_assert(ech.type == ECH_CLIENT_HELLO_OUTER && ech.kdf_id == 1 && ech.aead_id == 2);
    cr_assert_eq(ech.config_id, 7);
    assert_hex(ech.enc, "0102", "enc");
    assert_hex(ech.payload, "030405", "payload");
}
