/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/server_hello.h"
#include "tests/unit/hello_tools.h"

/* The first ServerHello and the first HelloRetryRequest of the handshake vectors. */
static struct octets vector_message(bool retry)
{
    json_t *file = vectors_load("ech-handshake");
    const json_t *list = retry ? vectors_get(vectors_get(file, "after_hrr"), "cases")
                               : vectors_get(file, "server_hello_cases");
    struct octets message =
        octets_get(json_array_get(list, 0), retry ? "hello_retry_request" : "server_hello");
    json_decref(file);
    return message;
}

Test(server_hello, fields)
{
    struct ech_server_hello hello;
    struct octets message = vector_message(false);
    cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
    cr_assert_not(hello.is_hello_retry_request || hello.has_pre_shared_key ||
                  hello.has_encrypted_client_hello);
    cr_assert(hello.has_supported_versions && hello.selected_version == 0x0304);
    cr_assert_eq(hello.cipher_suite, 0x1301);
    cr_assert_eq(hello.legacy_session_id_echo.len, 32);
    cr_assert_eq(hello.before_confirmation.len, 4 + 2 + 24);
    assert_hex(hello.confirmation, "ad0f412f87c7db84", "confirmation");
    cr_assert_eq(hello.before_confirmation.len + 8 + hello.after_confirmation.len, message.len);
    octets_free(&message);
}

Test(server_hello, hello_retry_request_fields)
{
    struct ech_server_hello hello;
    struct octets message = vector_message(true);
    cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
    cr_assert(hello.is_hello_retry_request && hello.has_encrypted_client_hello);
    assert_hex(hello.confirmation, "2471b08eee5d2c1e", "confirmation");
    assert_octets(hello.encrypted_client_hello, hello.confirmation, "extension");
    cr_assert_eq(hello.before_confirmation.len + 8 + hello.after_confirmation.len, message.len);
    octets_free(&message);
}

static void check_prefixes(struct octets message)
{
    struct ech_server_hello hello;
    for (size_t len = 0; len < message.len; len++) {
        struct octets cut = octets_copy(bytes_of(message.data, len));
        cr_assert_neq(ech_server_hello_parse(octets_view(&cut), &hello), ECH_OK);
        /* Without extensions, with a header that fits just the fields, it is a whole message. */
        if (len >= 4) {
            cut.data[3] = (uint8_t)(len - 4);
            bool bare = len == 4 + 2 + 32 + 33 + 3;
            cr_assert_eq(ech_server_hello_parse(octets_view(&cut), &hello),
                         bare ? ECH_OK : ECH_ERR_DECODE, "%zu", len);
        }
        octets_free(&cut);
    }
}

Test(server_hello, every_proper_prefix_fails)
{
    struct octets message = vector_message(false);
    check_prefixes(message);
    octets_free(&message);
    message = vector_message(true);
    check_prefixes(message);
    octets_free(&message);
}

Test(server_hello, trailing_octets_fail)
{
    struct ech_server_hello hello;
    struct octets message = vector_message(false);
    struct octets longer = octets_new(message.len + 1);
    memcpy(longer.data, message.data, message.len);
    cr_assert_eq(ech_server_hello_parse(octets_view(&longer), &hello), ECH_ERR_DECODE);
    longer.data[3]++;
    cr_assert_eq(ech_server_hello_parse(octets_view(&longer), &hello), ECH_ERR_DECODE);
    octets_free(&longer);
    octets_free(&message);
}

static enum ech_status parse_with(struct bytes more, struct ech_server_hello *hello)
{
    struct test_answer answer = {
        .cipher_suite = 0x1301, .version = 0x0304, .hello_retry_request = true, .no_ech = true};
    struct octets plain;
    answer.more = more;
    plain = test_server_answer(&answer, NULL);
    enum ech_status status = ech_server_hello_parse(octets_view(&plain), hello);
    octets_free(&plain);
    return status;
}

Test(server_hello, ech_61_other_lengths_have_no_confirmation)
{
    struct ech_server_hello hello;
    cr_assert_eq(parse_with(BYTES(0xfe, 0x0d, 0, 0), &hello), ECH_OK);
    cr_assert(hello.has_encrypted_client_hello && hello.confirmation.len == 0);
    cr_assert_eq(hello.before_confirmation.len, hello.message.len);
    cr_assert_eq(parse_with(BYTES(0xfe, 0x0d, 0, 7, 1, 2, 3, 4, 5, 6, 7), &hello), ECH_OK);
    cr_assert(hello.has_encrypted_client_hello && hello.confirmation.len == 0);
    cr_assert_eq(parse_with(BYTES(0xfe, 0x0d, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9), &hello), ECH_OK);
    cr_assert(hello.has_encrypted_client_hello && hello.confirmation.len == 0);
}

Test(server_hello, pre_shared_key_is_noted)
{
    struct ech_server_hello hello;
    cr_assert_eq(parse_with(BYTES(0, 41, 0, 2, 0, 0), &hello), ECH_OK);
    cr_assert(hello.has_pre_shared_key);
}

Test(server_hello, hashes_of_suites)
{
    enum ech_hash hash;
    cr_assert(ech_suite_hash(0x1301, &hash) == ECH_OK && hash == ECH_HASH_SHA256);
    cr_assert(ech_suite_hash(0x1302, &hash) == ECH_OK && hash == ECH_HASH_SHA384);
    cr_assert(ech_suite_hash(0x1303, &hash) == ECH_OK && hash == ECH_HASH_SHA256);
    cr_assert(ech_suite_hash(0x1304, &hash) == ECH_OK && hash == ECH_HASH_SHA256);
    cr_assert(ech_suite_hash(0x1305, &hash) == ECH_OK && hash == ECH_HASH_SHA256);
    cr_assert_eq(ech_suite_hash(0xc02f, &hash), ECH_ERR_UNSUPPORTED);
}
