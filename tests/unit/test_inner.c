/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>

#include "ech/inner.h"
#include "ech/outer.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"

static enum ech_status check(struct bytes message)
{
    struct ech_client_hello hello;
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    return ech_inner_check(&hello);
}

static enum ech_status check_with(uint16_t type, struct bytes data)
{
    struct octets changed = hello_with(hello_openssl, type, data);
    enum ech_status status = check(octets_view(&changed));
    octets_free(&changed);
    return status;
}

static enum ech_status check_without(uint16_t type)
{
    struct octets changed = hello_without(hello_openssl, type);
    enum ech_status status = check(octets_view(&changed));
    octets_free(&changed);
    return status;
}

Test(inner, real_hellos_are_fit)
{
    cr_assert_eq(check(hello_openssl), ECH_OK);
    cr_assert_eq(check(hello_openssl_psk), ECH_OK);
    cr_assert_eq(check(hello_openssl_ip), ECH_OK);
    cr_assert_eq(check(hello_gnutls), ECH_OK);
    cr_assert_eq(check(hello_pq), ECH_OK);
}

Test(inner, ech_23_encrypted_client_hello_is_of_type_inner)
{
    cr_assert_eq(check_without(ECH_EXT_ENCRYPTED_CLIENT_HELLO), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_ENCRYPTED_CLIENT_HELLO, BYTES(1)), ECH_OK);
    cr_assert_eq(check_with(ECH_EXT_ENCRYPTED_CLIENT_HELLO, BYTES(1, 0)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_ENCRYPTED_CLIENT_HELLO, BYTES(2)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_ENCRYPTED_CLIENT_HELLO, bytes_of(NULL, 0)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_ENCRYPTED_CLIENT_HELLO, BYTES(0, 0, 1, 0, 1, 7, 0, 0, 0, 1, 9)),
                 ECH_ERR_ILLEGAL);
}

Test(inner, ech_24_no_version_below_tls_13)
{
    cr_assert_eq(check_without(ECH_EXT_SUPPORTED_VERSIONS), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(4, 3, 4, 3, 3)), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(2, 3, 3)), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(4, 3, 4, 0xfe, 0xfd)),
                 ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(2, 0x1a, 0x1a)), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(0)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(3, 3, 4, 3)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_SUPPORTED_VERSIONS, BYTES(4, 0x1a, 0x1a, 3, 4)), ECH_OK);
}

Test(inner, ech_25_no_ticket_of_tls_12)
{
    cr_assert_eq(check_with(ECH_EXT_SESSION_TICKET, BYTES(1, 2, 3)), ECH_ERR_ILLEGAL);
    cr_assert_eq(check_with(ECH_EXT_SESSION_TICKET, bytes_of(NULL, 0)), ECH_OK);
    cr_assert_eq(check_without(ECH_EXT_SESSION_TICKET), ECH_OK);
}

Test(inner, ech_32_no_ech_outer_extensions)
{
    cr_assert_eq(check_with(ECH_EXT_ECH_OUTER_EXTENSIONS, BYTES(2, 0, 10)), ECH_ERR_ILLEGAL);
}

Test(inner, malformed_contents_are_refused)
{
    cr_assert_eq(check_with(ECH_EXT_SERVER_NAME, BYTES(0)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_KEY_SHARE, BYTES(0)), ECH_ERR_DECODE);
    cr_assert_eq(check_with(ECH_EXT_PRE_SHARED_KEY, BYTES(0)), ECH_ERR_DECODE);
}

Test(inner, ech_64_second_hello_belongs_to_the_first)
{
    struct ech_client_hello first;
    struct ech_client_hello second;
    cr_assert_eq(ech_client_hello_parse(hello_openssl_hrr1, &first), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(hello_openssl_hrr2, &second), ECH_OK);
    cr_assert_eq(ech_inner_check_second(&first, &second), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(hello_gnutls_hrr2, &second), ECH_OK);
    cr_assert_eq(ech_inner_check_second(&first, &second), ECH_ERR_ILLEGAL);
    struct octets renamed = hello_named(hello_openssl_hrr2, 18);
    cr_assert_eq(ech_client_hello_parse(octets_view(&renamed), &second), ECH_OK);
    cr_assert_eq(ech_inner_check_second(&first, &second), ECH_ERR_ILLEGAL);
    octets_free(&renamed);
}

/* The run in the vectors: supported_groups, signature_algorithms, key_share. */
static struct ech_run vector_run(const struct ech_client_hello *inner)
{
    const struct ech_extension *groups = ech_client_hello_find(inner, ECH_EXT_SUPPORTED_GROUPS);
    return (struct ech_run){.first = (size_t)(groups - inner->extensions), .count = 3};
}

static void check_vector(const json_t *item)
{
    const struct ech_padding padding = {.maximum_name_length = 0, .floor = 0};
    struct ech_client_hello inner;
    struct writer w;
    struct octets message = octets_get(item, "client_hello_inner");
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(octets_view(&message), &inner), ECH_OK);
    cr_assert_eq(ech_inner_check(&inner), ECH_OK);
    cr_assert_eq(ech_encode_inner(&inner, vector_run(&inner), &padding, &w), ECH_OK);
    assert_hex(wr_view(&w), vectors_text(item, "encoded_client_hello_inner"), "encoded");
    wr_free(&w);
    octets_free(&message);
}

Test(inner, ech_27_ech_28_ech_30_encoding_vectors)
{
    json_t *file = vectors_load("ech-handshake");
    check_vector(vectors_get(file, "first"));
    check_vector(vectors_get(vectors_get(file, "after_hrr"), "second"));
    json_decref(file);
}

Test(inner, ech_37_ech_38_ech_39_padding_vectors)
{
    json_t *file = vectors_load("echconfig");
    size_t i;
    json_t *item;
    json_array_foreach(vectors_get(file, "padding"), i, item)
    {
        const json_t *name = json_object_get(item, "name_len");
        size_t name_length = json_is_null(name) ? 0 : (size_t)json_integer_value(name);
        size_t unpadded = vectors_number(item, "encoded_len_without_padding");
        size_t name_padding = ech_name_padding(name_length, (uint8_t)vectors_number(item, "M"));
        cr_assert_eq(name_padding, vectors_number(item, "name_padding"), "case %zu", i);
        cr_assert_eq(ech_padded_length(unpadded, name_padding, 0),
                     unpadded + vectors_number(item, "total_padding"), "case %zu", i);
    }
    cr_assert_gt(i, 0);
    json_decref(file);
}

Test(inner, the_floor_is_a_lower_bound)
{
    cr_assert_eq(ech_padded_length(100, 0, 192), 192);
    cr_assert_eq(ech_padded_length(100, 93, 192), 224);
    cr_assert_eq(ech_padded_length(193, 0, 192), 224);
    cr_assert_eq(ech_padded_length(10, 0, 200), 224);
}

static size_t encoded_length(struct bytes message, const struct ech_padding *padding, bool shared)
{
    struct ech_client_hello inner;
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(message, &inner), ECH_OK);
    struct ech_run run = ech_outer_run(
        &inner, &inner,
        (struct ech_outer_plan){.share = shared ? ECH_OUTER_SHARE_SHARED : ECH_OUTER_SHARE_OWN});
    cr_assert_eq(ech_encode_inner(&inner, run, padding, &w), ECH_OK);
    size_t len = wr_view(&w).len;
    wr_free(&w);
    return len;
}

Test(inner, ech_39_multiple_of_32_for_every_name)
{
    const struct ech_padding none = {.maximum_name_length = 0, .floor = 0};
    const struct ech_padding full = {.maximum_name_length = 253, .floor = 0};
    size_t always = 0;
    for (size_t length = 1; length <= 253; length++) {
        struct octets named = hello_named(hello_openssl, length);
        cr_assert_eq(encoded_length(octets_view(&named), &none, false) % 32, 0);
        size_t padded = encoded_length(octets_view(&named), &full, false);
        cr_assert(always == 0 || padded == always, "length %zu", length);
        always = padded;
        octets_free(&named);
    }
    /* ECH-38: a hello without a name is as long as one with any name. */
    struct octets nameless = hello_without(hello_openssl, ECH_EXT_SERVER_NAME);
    cr_assert_eq(encoded_length(octets_view(&nameless), &full, false), always);
    octets_free(&nameless);
}

Test(inner, the_floors_hide_ordinary_names)
{
    const struct ech_padding openssl = {.maximum_name_length = 0, .floor = 192};
    const struct ech_padding gnutls = {.maximum_name_length = 0, .floor = 288};
    const struct ech_padding shared = {.maximum_name_length = 0, .floor = 128};
    for (size_t length = 1; length <= 24; length++) {
        struct octets named = hello_named(hello_openssl, length);
        cr_assert_eq(encoded_length(octets_view(&named), &openssl, false), 192);
        cr_assert_eq(encoded_length(octets_view(&named), &shared, true), 128);
        octets_free(&named);
        named = hello_named(hello_gnutls, length);
        cr_assert_eq(encoded_length(octets_view(&named), &gnutls, false), 288);
        octets_free(&named);
    }
}
