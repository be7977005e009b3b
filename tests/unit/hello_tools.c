/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/hello_tools.h"

#include <criterion/criterion.h>
#include <string.h>

#include "ech/inner.h"

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    struct test_source *source = context;
    for (size_t i = 0; i < len; i++) {
        source->state = source->state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(source->state >> 56);
    }
    return ECH_OK;
}

struct ech_random test_random(struct test_source *source)
{
    return (struct ech_random){.fill = fill, .context = source};
}

/* ---- changed hellos ---- */

static void write_extension(struct writer *w, uint16_t type, struct bytes data)
{
    wr_u16(w, type);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, data);
    wr_close(w, mark);
}

static void write_head(struct writer *w, const struct ech_client_hello *hello,
                       struct bytes legacy_session_id)
{
    wr_u16(w, hello->legacy_version);
    wr_bytes(w, hello->random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, legacy_session_id);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, hello->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, hello->legacy_compression_methods);
    wr_close(w, mark);
}

static struct octets take(struct writer *w)
{
    cr_assert_eq(wr_finish(w), ECH_OK);
    struct octets octets = octets_copy(wr_view(w));
    wr_free(w);
    return octets;
}

/* `data` NULL: leave the extension out. */
static struct octets changed(struct bytes message, uint16_t type, const struct bytes *data)
{
    struct ech_client_hello hello;
    struct writer w;
    bool written = data == NULL;
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    wr_init(&w, 0);
    wr_u8(&w, 1);
    struct wr_mark body = wr_open(&w, 3);
    write_head(&w, &hello, hello.legacy_session_id);
    struct wr_mark extensions = wr_open(&w, 2);
    bool there = ech_client_hello_find(&hello, type) != NULL;
    for (size_t i = 0; i < hello.extension_count; i++) {
        const struct ech_extension *e = &hello.extensions[i];
        bool here = e->type == type || (!there && e->type == ECH_EXT_PRE_SHARED_KEY);
        if (here && !written) {
            write_extension(&w, type, *data);
            written = true;
        }
        if (e->type != type) {
            wr_bytes(&w, e->raw);
        }
    }
    if (!written) {
        write_extension(&w, type, *data);
    }
    wr_close(&w, extensions);
    wr_close(&w, body);
    return take(&w);
}

struct octets hello_with(struct bytes hello, uint16_t type, struct bytes data)
{
    return changed(hello, type, &data);
}

struct octets hello_without(struct bytes hello, uint16_t type)
{
    return changed(hello, type, NULL);
}

struct octets hello_with_suites(struct bytes message, const uint16_t *suites, size_t count)
{
    struct ech_client_hello hello;
    struct writer list;
    struct writer w;
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    wr_init(&list, 0);
    wr_init(&w, 0);
    for (size_t i = 0; i < count; i++) {
        wr_u16(&list, suites[i]);
    }
    hello.cipher_suites = wr_view(&list);
    wr_u8(&w, 1);
    struct wr_mark body = wr_open(&w, 3);
    write_head(&w, &hello, hello.legacy_session_id);
    struct wr_mark extensions = wr_open(&w, 2);
    for (size_t i = 0; i < hello.extension_count; i++) {
        wr_bytes(&w, hello.extensions[i].raw);
    }
    wr_close(&w, extensions);
    wr_close(&w, body);
    wr_free(&list);
    return take(&w);
}

struct octets hello_named(struct bytes hello, size_t name_length)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark list = wr_open(&w, 2);
    wr_u8(&w, 0);
    struct wr_mark name = wr_open(&w, 2);
    for (size_t i = 0; i < name_length; i++) {
        wr_u8(&w, i % 64 == 63 && i + 1 < name_length ? '.' : 'x');
    }
    wr_close(&w, name);
    wr_close(&w, list);
    struct octets named = hello_with(hello, ECH_EXT_SERVER_NAME, wr_view(&w));
    wr_free(&w);
    return named;
}

struct bytes hello_extension(struct bytes message, uint16_t type)
{
    struct ech_client_hello hello;
    cr_assert_eq(ech_client_hello_parse(message, &hello), ECH_OK);
    const struct ech_extension *extension = ech_client_hello_find(&hello, type);
    cr_assert_not_null(extension, "extension %u", type);
    return extension->data;
}

bool holds(struct bytes hay, struct bytes needle)
{
    return hay.len > 0 && memmem(hay.data, hay.len, needle.data, needle.len) != NULL;
}

/* ---- the server ---- */

static const char private_key_a[] =
    "433a781cfaf9f038e5ca0c385efbb4f170edac24f90be204412e0310b540f4b4";
static const char public_key_a[] =
    "4f3848656ca76e343fca7154d235705326b8ba8cb1cb04076d834d1b41cac943";

static struct octets make_list(uint8_t maximum_name_length)
{
    static const char public_name[] = "public.example";
    struct octets key = octets_of_hex(public_key_a);
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark list = wr_open(&w, 2);
    wr_u16(&w, ECH_VERSION);
    struct wr_mark contents = wr_open(&w, 2);
    wr_u8(&w, 0x5a);
    wr_u16(&w, ECH_KEM_X25519_SHA256);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, octets_view(&key));
    wr_close(&w, mark);
    mark = wr_open(&w, 2);
    wr_u16(&w, ECH_KDF_SHA256);
    wr_u16(&w, ECH_AEAD_AES_128_GCM);
    wr_close(&w, mark);
    wr_u8(&w, maximum_name_length);
    mark = wr_open(&w, 1);
    wr_bytes(&w, bytes_of(public_name, strlen(public_name)));
    wr_close(&w, mark);
    wr_u16(&w, 0);
    wr_close(&w, contents);
    wr_close(&w, list);
    octets_free(&key);
    return take(&w);
}

void test_server_init(struct test_server *server, uint8_t maximum_name_length)
{
    *server = (struct test_server){.list = make_list(maximum_name_length),
                                   .private_key = octets_of_hex(private_key_a)};
    cr_assert_eq(ech_config_list_select(octets_view(&server->list), NULL, &server->choice), ECH_OK);
}

void test_server_free(struct test_server *server)
{
    octets_free(&server->list);
    octets_free(&server->private_key);
    octets_free(&server->encoded);
}

static void set_up(struct test_server *server, struct bytes enc)
{
    struct writer info;
    wr_init(&info, 0);
    wr_bytes(&info, bytes_of("tls ech", 8));
    wr_bytes(&info, server->choice.config.raw);
    cr_assert_eq(ech_hpke_setup_receiver(&server->hpke, server->choice.suite,
                                         octets_view(&server->private_key), enc, wr_view(&info)),
                 ECH_OK);
    wr_free(&info);
    server->has_context = true;
}

/* RFC 9849, 5.2, done another way than in the client: on a copy of the message. */
static struct octets aad_of(struct bytes message, struct bytes payload)
{
    struct octets copy = octets_copy(message);
    memset(copy.data + (payload.data - message.data), 0, payload.len);
    struct octets aad = octets_copy(bytes_of(copy.data + 4, copy.len - 4));
    octets_free(&copy);
    return aad;
}

/* RFC 9849, Appendix A */
static void expand(struct writer *w, struct bytes outer_extensions,
                   const struct ech_client_hello *outer)
{
    struct reader data = rd_of(outer_extensions);
    struct reader types;
    uint16_t type;
    size_t i = 0;
    cr_assert(rd_vec8(&data, &types) && rd_done(&data) && types.len >= 2 && types.len % 2 == 0);
    while (rd_u16(&types, &type)) {
        cr_assert_neq(type, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
        while (i < outer->extension_count && outer->extensions[i].type != type) {
            i++;
        }
        cr_assert_lt(i, outer->extension_count, "illegal_parameter: extension %u", type);
        wr_bytes(w, outer->extensions[i++].raw);
    }
}

static struct octets rebuild(struct bytes encoded, const struct ech_client_hello *outer)
{
    struct ech_client_hello inner;
    struct reader r = rd_of(encoded);
    struct writer w;
    uint8_t zero;
    cr_assert_eq(ech_client_hello_read_body(&r, &inner), ECH_OK);
    cr_assert_eq(inner.legacy_session_id.len, 0);
    while (rd_u8(&r, &zero)) {
        cr_assert_eq(zero, 0, "padding");
    }
    wr_init(&w, 0);
    wr_u8(&w, 1);
    struct wr_mark body = wr_open(&w, 3);
    write_head(&w, &inner, outer->legacy_session_id);
    struct wr_mark extensions = wr_open(&w, 2);
    for (size_t i = 0; i < inner.extension_count; i++) {
        if (inner.extensions[i].type == ECH_EXT_ECH_OUTER_EXTENSIONS) {
            expand(&w, inner.extensions[i].data, outer);
        } else {
            wr_bytes(&w, inner.extensions[i].raw);
        }
    }
    wr_close(&w, extensions);
    wr_close(&w, body);
    return take(&w);
}

struct octets test_server_open(struct test_server *server, struct bytes client_hello_outer)
{
    struct ech_client_hello outer;
    struct ech_ech_client_hello ech;
    cr_assert_eq(ech_client_hello_parse(client_hello_outer, &outer), ECH_OK);
    cr_assert_null(ech_client_hello_find(&outer, ECH_EXT_ECH_OUTER_EXTENSIONS));
    const struct ech_extension *e = ech_client_hello_find(&outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    cr_assert_not_null(e);
    cr_assert_eq(ech_ech_client_hello_parse(e->data, &ech), ECH_OK);
    cr_assert_eq(ech.type, ECH_CLIENT_HELLO_OUTER);
    cr_assert_eq(ech.config_id, server->choice.config.config_id);
    cr_assert_eq(ech.kdf_id, server->choice.suite.kdf_id);
    cr_assert_eq(ech.aead_id, server->choice.suite.aead_id);
    if (server->has_context) {
        cr_assert_eq(ech.enc.len, 0);
    } else {
        set_up(server, ech.enc);
    }
    struct octets aad = aad_of(client_hello_outer, ech.payload);
    octets_free(&server->encoded);
    server->encoded = octets_new(ech.payload.len - ECH_AEAD_TAG);
    cr_assert_eq(ech_hpke_open(&server->hpke, octets_view(&aad), ech.payload, server->encoded.data),
                 ECH_OK, "the payload does not open");
    octets_free(&aad);
    struct octets inner = rebuild(octets_view(&server->encoded), &outer);
    struct ech_client_hello rebuilt;
    cr_assert_eq(ech_client_hello_parse(octets_view(&inner), &rebuilt), ECH_OK);
    cr_assert_null(ech_client_hello_find(&rebuilt, ECH_EXT_ECH_OUTER_EXTENSIONS));
    return inner;
}

bool test_server_opens(const struct test_server *server, struct bytes client_hello_outer)
{
    struct test_server copy = *server;
    struct ech_client_hello outer;
    struct ech_ech_client_hello ech;
    if (ech_client_hello_parse(client_hello_outer, &outer) != ECH_OK) {
        return false;
    }
    const struct ech_extension *e = ech_client_hello_find(&outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    if (e == NULL || ech_ech_client_hello_parse(e->data, &ech) != ECH_OK ||
        ech.type != ECH_CLIENT_HELLO_OUTER || ech.enc.len != 32) {
        return false;
    }
    set_up(&copy, ech.enc);
    struct octets aad = aad_of(client_hello_outer, ech.payload);
    struct octets encoded = octets_new(ech.payload.len);
    enum ech_status status =
        ech_hpke_open(&copy.hpke, octets_view(&aad), ech.payload, encoded.data);
    octets_free(&aad);
    octets_free(&encoded);
    return status == ECH_OK;
}

/* ---- answers ---- */

static const char retry_random[] =
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

static void write_answer(struct writer *w, const struct test_answer *answer,
                         const uint8_t *confirmation)
{
    struct octets random =
        answer->hello_retry_request ? octets_of_hex(retry_random) : octets_new(ECH_RANDOM_SIZE);
    if (!answer->hello_retry_request) {
        memset(random.data, 0xa5, 24);
        memcpy(random.data + 24, confirmation, ECH_CONFIRMATION_SIZE);
    }
    wr_u8(w, 2);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, ECH_TLS12);
    wr_bytes(w, octets_view(&random));
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, answer->echo);
    wr_close(w, mark);
    wr_u16(w, answer->cipher_suite);
    wr_u8(w, 0);
    mark = wr_open(w, 2);
    if (answer->version != 0) {
        wr_u16(w, ECH_EXT_SUPPORTED_VERSIONS);
        wr_u16(w, 2);
        wr_u16(w, answer->version);
    }
    if (answer->hello_retry_request && answer->ech.data != NULL) {
        write_extension(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO, answer->ech);
    } else if (answer->hello_retry_request && !answer->no_ech) {
        write_extension(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO,
                        bytes_of(confirmation, ECH_CONFIRMATION_SIZE));
    }
    wr_bytes(w, answer->more);
    wr_close(w, mark);
    wr_close(w, body);
    octets_free(&random);
}

struct octets test_server_answer(const struct test_answer *answer,
                                 const struct ech_accept_transcript *transcript)
{
    uint8_t confirmation[ECH_CONFIRMATION_SIZE] = {0};
    struct ech_server_hello hello;
    enum ech_status status = ECH_OK;
    struct writer w;
    wr_init(&w, 0);
    write_answer(&w, answer, confirmation);
    struct octets message = take(&w);
    cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
    if (answer->no_ech || answer->ech.data != NULL) {
        memset(confirmation, 0x77, sizeof confirmation);
    } else if (answer->hello_retry_request) {
        status = ech_hrr_accept_confirmation(transcript->client_hello_inner, &hello, confirmation);
    } else {
        status = ech_accept_confirmation(transcript, &hello, confirmation);
    }
    cr_assert_eq(status, ECH_OK);
    octets_free(&message);
    wr_init(&w, 0);
    write_answer(&w, answer, confirmation);
    return take(&w);
}

void test_server_confirm(struct writer *body, const struct ech_accept_transcript *transcript)
{
    enum { PLACE = 2 + ECH_RANDOM_SIZE - ECH_CONFIRMATION_SIZE };
    struct ech_server_hello hello;
    struct writer w;
    wr_init(&w, 0);
    wr_u8(&w, 2);
    struct wr_mark mark = wr_open(&w, 3);
    wr_bytes(&w, wr_view(body));
    wr_close(&w, mark);
    struct octets message = take(&w);
    cr_assert_eq(ech_server_hello_parse(octets_view(&message), &hello), ECH_OK);
    if (hello.is_hello_retry_request) {
        cr_assert_eq(hello.after_confirmation.len, 0);
        cr_assert_eq(ech_hrr_accept_confirmation(transcript->client_hello_inner, &hello,
                                                 body->data + body->len - ECH_CONFIRMATION_SIZE),
                     ECH_OK);
    } else {
        cr_assert_eq(ech_accept_confirmation(transcript, &hello, body->data + PLACE), ECH_OK);
    }
    octets_free(&message);
}
