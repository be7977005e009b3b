/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EncodedClientHelloInner back to ClientHelloInner. */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/encoded_inner.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"

static void check_vector(const json_t *item)
{
    struct octets encoded = octets_get(item, "encoded_client_hello_inner");
    struct octets message = octets_get(item, "client_hello_outer");
    struct ech_client_hello outer;
    struct writer w;
    size_t unpadded;
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(octets_view(&message), &outer), ECH_OK);
    cr_assert_eq(ech_decode_inner(octets_view(&encoded), &outer, &unpadded, &w), ECH_OK);
    assert_hex(wr_view(&w), vectors_text(item, "client_hello_inner"), "ClientHelloInner");
    cr_assert(unpadded <= encoded.len && (unpadded == encoded.len || encoded.data[unpadded] == 0));
    wr_free(&w);
    octets_free(&encoded);
    octets_free(&message);
}

Test(encoded_inner, ech_27_ech_30_decoding_vectors)
{
    json_t *file = vectors_load("ech-handshake");
    check_vector(vectors_get(file, "first"));
    check_vector(vectors_get(vectors_get(file, "after_hrr"), "second"));
    json_decref(file);
}

/* The body of a hello with an empty legacy_session_id, and padding after it. */
static struct octets encoded_of(struct bytes message, size_t padding)
{
    struct ech_client_hello hello;
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    wr_u16(&w, hello.legacy_version);
    wr_bytes(&w, hello.random);
    wr_u8(&w, 0);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, hello.cipher_suites);
    wr_close(&w, mark);
    mark = wr_open(&w, 1);
    wr_bytes(&w, hello.legacy_compression_methods);
    wr_close(&w, mark);
    mark = wr_open(&w, 2);
    for (size_t i = 0; i < hello.extension_count; i++) {
        wr_bytes(&w, hello.extensions[i].raw);
    }
    wr_close(&w, mark);
    wr_zeros(&w, padding);
    struct octets encoded = octets_copy(wr_view(&w));
    wr_free(&w);
    return encoded;
}

/* Decodes with hello_openssl as the outer hello; *inner may be NULL. */
static enum ech_status decode(struct bytes encoded, struct octets *inner)
{
    struct ech_client_hello outer;
    struct writer w;
    size_t unpadded;
    wr_init(&w, 0);
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &outer), ECH_OK);
    enum ech_status status = ech_decode_inner(encoded, &outer, &unpadded, &w);
    if (inner != NULL) {
        *inner = octets_copy(wr_view(&w));
    }
    wr_free(&w);
    return status;
}

Test(encoded_inner, ech_28_padding_is_zeros)
{
    struct octets encoded = encoded_of(hello_openssl, 40);
    struct octets inner;
    cr_assert_eq(decode(octets_view(&encoded), &inner), ECH_OK);
    assert_octets(octets_view(&inner), hello_openssl, "without ech_outer_extensions");
    for (size_t i = encoded.len - 40; i < encoded.len; i++) {
        encoded.data[i] = 1;
        cr_assert_eq(decode(octets_view(&encoded), NULL), ECH_ERR_ILLEGAL, "octet %zu", i);
        encoded.data[i] = 0;
    }
    octets_free(&inner);
    octets_free(&encoded);
}

Test(encoded_inner, cut_at_every_octet)
{
    struct octets encoded = encoded_of(hello_openssl, 40);
    for (size_t len = 0; len < encoded.len; len++) {
        /* A block of its own, so that valgrind and the sanitizers see a read past its end. */
        struct octets cut = octets_copy(bytes_of(encoded.data, len));
        enum ech_status expected = len < encoded.len - 40 ? ECH_ERR_DECODE : ECH_OK;
        cr_assert_eq(decode(octets_view(&cut), NULL), expected, "%zu octets", len);
        octets_free(&cut);
    }
    octets_free(&encoded);
}

Test(encoded_inner, ech_27_legacy_session_id_is_empty)
{
    /* The message without its header still has the session id. */
    struct bytes body = bytes_of(hello_openssl.data + 4, hello_openssl.len - 4);
    cr_assert_eq(decode(body, NULL), ECH_ERR_ILLEGAL);
}

/* A hello that has ech_outer_extensions in the place of these two types. */
static enum ech_status decode_with(struct bytes outer_extensions, struct octets *inner)
{
    struct octets without = hello_without(hello_openssl, ECH_EXT_SUPPORTED_GROUPS);
    struct octets neither = hello_without(octets_view(&without), ECH_EXT_SIGNATURE_ALGORITHMS);
    struct octets with =
        hello_with(octets_view(&neither), ECH_EXT_ECH_OUTER_EXTENSIONS, outer_extensions);
    struct octets encoded = encoded_of(octets_view(&with), 3);
    enum ech_status status = decode(octets_view(&encoded), inner);
    octets_free(&encoded);
    octets_free(&with);
    octets_free(&neither);
    octets_free(&without);
    return status;
}

Test(encoded_inner, ech_29_ech_31_they_are_taken_from_the_outer_hello)
{
    struct octets inner;
    struct ech_client_hello hello;
    cr_assert_eq(decode_with(BYTES(4, 0, 10, 0, 13), &inner), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(octets_view(&inner), &hello), ECH_OK);
    cr_assert_null(ech_client_hello_find(&hello, ECH_EXT_ECH_OUTER_EXTENSIONS));
    assert_octets(hello_extension(octets_view(&inner), ECH_EXT_SUPPORTED_GROUPS),
                  hello_extension(hello_openssl, ECH_EXT_SUPPORTED_GROUPS), "groups");
    assert_octets(hello_extension(octets_view(&inner), ECH_EXT_SIGNATURE_ALGORITHMS),
                  hello_extension(hello_openssl, ECH_EXT_SIGNATURE_ALGORITHMS), "signatures");
    octets_free(&inner);
}

Test(encoded_inner, ech_31_ech_33_bad_ech_outer_extensions)
{
    static const uint8_t too_many[256] = {255};
    cr_assert_eq(decode_with(BYTES(4, 0, 13, 0, 10), NULL), ECH_ERR_ILLEGAL, "another order");
    cr_assert_eq(decode_with(BYTES(4, 0, 10, 0, 10), NULL), ECH_ERR_ILLEGAL, "twice");
    cr_assert_eq(decode_with(BYTES(6, 0, 10, 0, 13, 0, 10), NULL), ECH_ERR_ILLEGAL, "again");
    cr_assert_eq(decode_with(BYTES(2, 0x12, 0x34), NULL), ECH_ERR_ILLEGAL, "not there");
    cr_assert_eq(decode_with(BYTES(4, 0, 10, 0x12, 0x34), NULL), ECH_ERR_ILLEGAL, "not there");
    cr_assert_eq(decode_with(BYTES(2, 0xfe, 0x0d), NULL), ECH_ERR_ILLEGAL, "itself");
    cr_assert_eq(decode_with(BYTES(2, 0xfd, 0x00), NULL), ECH_ERR_ILLEGAL, "of its own type");
    cr_assert_eq(decode_with(BYTES(0), NULL), ECH_ERR_DECODE, "none");
    cr_assert_eq(decode_with(bytes_of(NULL, 0), NULL), ECH_ERR_DECODE, "empty");
    cr_assert_eq(decode_with(BYTES(3, 0, 10, 0), NULL), ECH_ERR_DECODE, "half a type");
    cr_assert_eq(decode_with(BYTES(4, 0, 10), NULL), ECH_ERR_DECODE, "cut");
    cr_assert_eq(decode_with(BYTES(2, 0, 10, 0), NULL), ECH_ERR_DECODE, "excess");
    cr_assert_eq(decode_with(bytes_of(too_many, sizeof too_many), NULL), ECH_ERR_DECODE, "255");
}

/* A type that the encoded hello has itself and names too: the parser of the result refuses it. */
Test(encoded_inner, ech_29_named_and_there)
{
    struct octets with = hello_with(hello_openssl, ECH_EXT_ECH_OUTER_EXTENSIONS, BYTES(2, 0, 10));
    struct octets encoded = encoded_of(octets_view(&with), 0);
    struct octets inner;
    struct ech_client_hello hello;
    cr_assert_eq(decode(octets_view(&encoded), &inner), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(octets_view(&inner), &hello), ECH_ERR_ILLEGAL);
    octets_free(&inner);
    octets_free(&encoded);
    octets_free(&with);
}
