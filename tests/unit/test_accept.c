/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>

#include "ech/accept.h"
#include "tests/unit/vectors.h"

struct loaded {
    json_t *file;
    struct octets first_inner;
    struct octets second_inner;
    struct ech_client_hello inner;
};

static void load(struct loaded *loaded)
{
    loaded->file = vectors_load("ech-handshake");
    loaded->first_inner = octets_get(vectors_get(loaded->file, "first"), "client_hello_inner");
    loaded->second_inner = octets_get(vectors_get(vectors_get(loaded->file, "after_hrr"), "second"),
                                      "client_hello_inner");
    cr_assert_eq(ech_client_hello_parse(octets_view(&loaded->first_inner), &loaded->inner), ECH_OK);
}

static void unload(struct loaded *loaded)
{
    octets_free(&loaded->first_inner);
    octets_free(&loaded->second_inner);
    json_decref(loaded->file);
}

/* The original is accepted, but not with one bit changed, in the confirmation or elsewhere. */
static void check_bits(const struct ech_accept_transcript *transcript, struct bytes message)
{
    struct ech_server_hello hello;
    bool accepted;
    cr_assert_eq(ech_server_hello_parse(message, &hello), ECH_OK);
    cr_assert_eq(ech_accept_check(transcript, &hello, &accepted), ECH_OK);
    cr_assert(accepted);
    struct octets copy = octets_copy(message);
    for (size_t i = 0; i < copy.len; i++) {
        copy.data[i] ^= 1;
        if (ech_server_hello_parse(octets_view(&copy), &hello) == ECH_OK &&
            ech_accept_check(transcript, &hello, &accepted) == ECH_OK) {
            cr_assert_not(accepted, "octet %zu", i);
        }
        copy.data[i] ^= 1;
    }
    octets_free(&copy);
}

Test(accept, ech_59_server_hello_vectors)
{
    struct loaded loaded;
    size_t i;
    json_t *item;
    load(&loaded);
    struct ech_accept_transcript transcript = {.client_hello_inner = &loaded.inner};
    json_array_foreach(vectors_get(loaded.file, "server_hello_cases"), i, item)
    {
        struct ech_server_hello hello;
        uint8_t confirmation[ECH_CONFIRMATION_SIZE];
        struct octets message = octets_get(item, "server_hello");
        cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
        cr_assert_eq(ech_accept_confirmation(&transcript, &hello, confirmation), ECH_OK);
        assert_hex(bytes_of(confirmation, sizeof confirmation),
                   vectors_text(item, "accept_confirmation"), "accept_confirmation");
        check_bits(&transcript, octets_view(&message));
        octets_free(&message);
    }
    cr_assert_eq(i, 2);
    unload(&loaded);
}

static void check_retry(const struct loaded *loaded, const json_t *item)
{
    struct ech_server_hello hello;
    uint8_t confirmation[ECH_CONFIRMATION_SIZE];
    struct octets retry = octets_get(item, "hello_retry_request");
    struct octets message = octets_get(item, "server_hello");
    struct ech_accept_transcript transcript = {.client_hello_inner = &loaded->inner};

    cr_assert_eq(ech_server_hello_parse(octets_view(&retry), &hello), ECH_OK);
    cr_assert_eq(ech_hrr_accept_confirmation(&loaded->inner, &hello, confirmation), ECH_OK);
    assert_hex(bytes_of(confirmation, sizeof confirmation),
               vectors_text(item, "hrr_accept_confirmation"), "hrr_accept_confirmation");
    check_bits(&transcript, octets_view(&retry));

    transcript.hello_retry_request = octets_view(&retry);
    transcript.second_client_hello_inner = octets_view(&loaded->second_inner);
    cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
    cr_assert_eq(ech_accept_confirmation(&transcript, &hello, confirmation), ECH_OK);
    assert_hex(bytes_of(confirmation, sizeof confirmation),
               vectors_text(item, "accept_confirmation"), "accept_confirmation");
    check_bits(&transcript, octets_view(&message));
    octets_free(&retry);
    octets_free(&message);
}

Test(accept, ech_62_ech_69_hello_retry_request_vectors)
{
    struct loaded loaded;
    size_t i;
    json_t *item;
    load(&loaded);
    json_array_foreach(vectors_get(vectors_get(loaded.file, "after_hrr"), "cases"), i, item)
    {
        check_retry(&loaded, item);
    }
    cr_assert_eq(i, 2);
    unload(&loaded);
}
