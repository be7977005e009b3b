/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decodes an EncodedClientHelloInner next to a ClientHelloOuter. What comes out has the session id
 * of the outer hello, and each of its extensions is in one of the two. Sealed to a local config and
 * opened again, it gives the same. In an outer hello of ours, in the likeness of that one, too.
 *
 * Input: a vector of 2-octet length, the outer hello; the rest is the encoded one.
 */
#include <stdlib.h>
#include <string.h>

#include "ech/client_facing.h"
#include "ech/config.h"
#include "ech/encoded_inner.h"
#include "ech/library_hello.h"
#include "ech/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    uint64_t *state = context;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
    return ECH_OK;
}

static bool has(const struct ech_client_hello *hello, const struct ech_extension *extension)
{
    const struct ech_extension *found = ech_client_hello_find(hello, extension->type);
    return found != NULL && bytes_equal(found->raw, extension->raw);
}

static void check_decoded(struct bytes decoded, const struct ech_client_hello *outer,
                          struct bytes encoded)
{
    struct ech_client_hello inner;
    struct ech_client_hello body;
    struct reader r = rd_of(encoded);
    if (ech_client_hello_parse(decoded, &inner) != ECH_OK) {
        return; /* an extension twice, or too many of them */
    }
    require(ech_client_hello_read_body(&r, &body) == ECH_OK);
    require(bytes_equal(inner.legacy_session_id, outer->legacy_session_id));
    require(bytes_equal(inner.random, body.random));
    for (size_t i = 0; i < inner.extension_count; i++) {
        require(inner.extensions[i].type != ECH_EXT_ECH_OUTER_EXTENSIONS);
        require(has(&body, &inner.extensions[i]) || has(outer, &inner.extensions[i]));
    }
}

/* Seals the encoded hello in the outer one, whatever they are. */
static bool seal(const struct ech_client_hello *outer, struct bytes encoded,
                 struct ech_client_facing *server, const struct ech_random *random,
                 struct writer *sealed)
{
    static const char name[] = "public.example";
    struct ech_local_key key;
    struct ech_config_choice choice;
    struct ech_hpke hpke;
    struct writer info;
    struct writer before;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    require(ech_local_key_generate(random, &key) == ECH_OK);
    require(ech_client_facing_start(server, &key, bytes_of(name, sizeof name - 1), 0) == ECH_OK);
    require(ech_config_list_select(wr_view(&server->ech_config_list), NULL, &choice) == ECH_OK);
    wr_init(&info, 0);
    wr_init(&before, 0);
    wr_bytes(&info, bytes_of("tls ech", sizeof "tls ech"));
    wr_bytes(&info, choice.config.raw);
    for (size_t i = 0; i < outer->extension_count; i++) {
        if (outer->extensions[i].type != ECH_EXT_ENCRYPTED_CLIENT_HELLO &&
            outer->extensions[i].type != ECH_EXT_PRE_SHARED_KEY) {
            wr_bytes(&before, outer->extensions[i].raw);
        }
    }
    require(ech_hpke_setup_sender(&hpke, choice.suite, choice.config.public_key, wr_view(&info),
                                  NULL, random, enc) == ECH_OK);
    const struct ech_outer_hello hello = {
        .legacy_version = outer->legacy_version,
        .random = outer->random,
        .legacy_session_id = outer->legacy_session_id,
        .cipher_suites = outer->cipher_suites,
        .legacy_compression_methods = outer->legacy_compression_methods,
        .extensions_before = wr_view(&before),
        .suite = choice.suite,
        .config_id = choice.config.config_id,
        .enc = bytes_of(enc, ech_hpke_enc_size(choice.suite.kem_id)),
    };
    bool done = ech_outer_seal(&hello, &hpke, encoded, sealed) == ECH_OK;
    wr_free(&info);
    wr_free(&before);
    return done;
}

static void check_sealed(const struct ech_client_hello *outer, struct bytes encoded)
{
    uint64_t state = 7;
    const struct ech_random random = {.fill = fill, .context = &state};
    struct ech_client_facing server;
    struct ech_client_hello parsed;
    struct writer sealed;
    struct writer opened;
    struct writer decoded;
    struct writer again;
    struct writer sealed_to;
    size_t unpadded = 0;
    wr_init(&again, 0);
    wr_init(&sealed_to, 0);
    wr_init(&sealed, 0);
    wr_init(&opened, 0);
    wr_init(&decoded, 0);
    ech_client_facing_init(&server);
    if (encoded.len > 0 && seal(outer, encoded, &server, &random, &sealed) &&
        ech_client_hello_parse(wr_view(&sealed), &parsed) == ECH_OK &&
        ech_client_hello_find(&parsed, ECH_EXT_ECH_OUTER_EXTENSIONS) == NULL) {
        enum ech_status direct = ech_decode_inner(encoded, &parsed, &unpadded, &decoded);
        require(ech_client_facing_open(&server, wr_view(&sealed), &again, &sealed_to, &opened) ==
                direct);
        require(wr_view(&sealed_to).len == 0); /* no other sealing was seen */
        require(direct != ECH_OK || bytes_equal(wr_view(&opened), wr_view(&decoded)));
        require(direct != ECH_OK || bytes_equal(wr_view(&again), bytes_of(encoded.data, unpadded)));
        /* It opens once in this context. */
        require(ech_client_facing_open(&server, wr_view(&sealed), &again, &sealed_to, &opened) !=
                ECH_OK);
    }
    ech_client_facing_wipe(&server);
    wr_free(&again);
    wr_free(&sealed_to);
    wr_free(&sealed);
    wr_free(&opened);
    wr_free(&decoded);
}

/* Our own outer hello in the likeness of the library's: does the server decode from it the inner
 * hello that the library made? */
static void check_likeness(const struct ech_client_hello *pattern, struct bytes decoded,
                           struct ech_outer_plan plan)
{
    static const uint8_t payload[ECH_AEAD_TAG] = {0};
    static const uint8_t share[] = {0, 5, 0, 29, 0, 1, 66};
    static const uint8_t psk[] = {0, 9, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 3, 2, 1, 2};
    const struct ech_padding padding = {.floor = 31, .beside = 31};
    const struct ech_ordinary_hello none = {.record_version = 0};
    struct ech_client_hello inner;
    struct ech_client_hello ours;
    struct writer before;
    struct writer after;
    struct writer encoded;
    struct writer body;
    struct writer message;
    struct writer again;
    size_t unpadded;
    if (ech_client_hello_parse(decoded, &inner) != ECH_OK ||
        !ech_library_hello_is_pattern(pattern, &inner, plan)) {
        return;
    }
    const struct ech_outer_fields fields = {
        .server_name = bytes_of("public.example", 14),
        .plan = plan,
        .ordinary = &none,
        .key_share = bytes_of(share, sizeof share),
        .pre_shared_key = ech_client_hello_find(pattern, ECH_EXT_PRE_SHARED_KEY) != NULL
                              ? bytes_of(psk, sizeof psk)
                              : bytes_of(NULL, 0)};
    wr_init(&before, 0);
    wr_init(&after, 0);
    wr_init(&encoded, 0);
    wr_init(&body, 0);
    wr_init(&message, ECH_HELLO_MAX);
    wr_init(&again, ECH_HELLO_MAX);
    require(ech_outer_mirror(pattern, &fields, &before, &after) == ECH_OK);
    struct ech_outer_hello outer = {.legacy_version = pattern->legacy_version,
                                    .random = pattern->random,
                                    .legacy_session_id = pattern->legacy_session_id,
                                    .cipher_suites = pattern->cipher_suites,
                                    .legacy_compression_methods =
                                        pattern->legacy_compression_methods,
                                    .extensions_before = wr_view(&before),
                                    .extensions_after = wr_view(&after),
                                    .suite = ech_local_suite()};
    size_t octets = ech_outer_size(&outer, sizeof payload);
    require(ech_outer_pad(pattern, &fields, octets, &after) == ECH_OK);
    outer.extensions_after = wr_view(&after);
    size_t padded = ech_outer_size(&outer, sizeof payload);
    require(padded < 256 || padded >= 512);
    require(octets >= 508 || padded <= 512 || padded == octets || padded == octets + 5);
    bool fits = ech_outer_encode(&outer, bytes_of(payload, sizeof payload), &body) == ECH_OK;
    wr_u8(&message, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark mark = wr_open(&message, 3);
    wr_bytes(&message, wr_view(&body));
    wr_close(&message, mark);
    struct ech_run run = ech_outer_run(&inner, pattern, plan);
    if (fits && wr_finish(&message) == ECH_OK &&
        ech_client_hello_parse(wr_view(&message), &ours) == ECH_OK &&
        ech_encode_inner(&inner, run, &padding, &encoded) == ECH_OK) {
        require(wr_view(&message).len == padded);
        require(wr_view(&encoded).len % 32 == 31);
        require(ech_decode_inner(wr_view(&encoded), &ours, &unpadded, &again) == ECH_OK);
        require(bytes_equal(wr_view(&again), decoded));
    }
    wr_free(&before);
    wr_free(&after);
    wr_free(&encoded);
    wr_free(&body);
    wr_free(&message);
    wr_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = rd_of(bytes_of(data, size));
    struct reader first;
    struct ech_client_hello outer;
    struct writer w;
    size_t unpadded;
    if (!rd_vec16(&input, &first) || ech_client_hello_parse(rd_rest(&first), &outer) != ECH_OK) {
        return 0;
    }
    struct bytes encoded = rd_rest(&input);
    wr_init(&w, 0);
    if (ech_decode_inner(encoded, &outer, &unpadded, &w) == ECH_OK) {
        check_decoded(wr_view(&w), &outer, encoded);
        for (enum ech_outer_share share = ECH_OUTER_SHARE_OWN; share <= ECH_OUTER_SHARE_PROGRAM;
             share++) {
            check_likeness(&outer, wr_view(&w), (struct ech_outer_plan){.share = share});
        }
    }
    wr_free(&w);
    check_sealed(&outer, encoded);
    return 0;
}
