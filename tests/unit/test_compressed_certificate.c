/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CompressedCertificate (RFC 8879) in an outer handshake, and the libraries that open it. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "ech/handshake_messages.h"
#include "shim/engine/base/decompress.h"
#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/outer_rig.h"

/* The body of a Certificate with one entry, "leaf": as it is, and as each algorithm makes it. */
#define LEAF 0, 0, 0, 9, 0, 0, 4, 'l', 'e', 'a', 'f', 0, 0
enum { LEAF_LENGTH = 13 };
#define ZLIB                                                                                       \
    0x78, 0x9c, 0x63, 0x60, 0x60, 0xe0, 0x64, 0x60, 0x60, 0xc9, 0x49, 0x4d, 0x4c, 0x63, 0x60,      \
        0x00, 0x00, 0x07, 0xba, 0x01, 0xa6
#define BROTLI 0x0b, 0x06, 0x80, LEAF, 0x03
#define ZSTD 0x28, 0xb5, 0x2f, 0xfd, 0x20, LEAF_LENGTH, 0x69, 0, 0, LEAF

/* CompressedCertificate: algorithm, uncompressed_length, compressed_certificate_message */
#define MESSAGE(algorithm, length, ...)                                                            \
    BYTES(0, algorithm, (length) >> 16, ((length) >> 8) & 0xff, (length)&0xff, 0, 0,               \
          sizeof((uint8_t[]){__VA_ARGS__}), __VA_ARGS__)

static void start(void)
{
    shim_decompress_start(dlopen, dlsym);
}

TestSuite(compressed_certificate, .init = start);

/* hello_openssl with compress_certificate: brotli, zlib. */
static struct octets hello_that_offers(void)
{
    return hello_with(hello_openssl, ECH_EXT_COMPRESS_CERTIFICATE, BYTES(4, 0, 2, 0, 1));
}

static void fails_for(struct bytes inner, struct bytes message, enum ech_outer_failure failure,
                      enum ech_alert alert)
{
    const struct tls13_options options = {.compressed_certificate = message};
    outer_rig_fails(inner, &options, failure, alert);
}

static void fails(struct bytes message, enum ech_alert alert)
{
    struct octets hello = hello_that_offers();
    fails_for(octets_view(&hello), message, ECH_OUTER_FAILURE_PROTOCOL, alert);
    octets_free(&hello);
}

static void succeeds(struct bytes message)
{
    const struct tls13_options options = {.compressed_certificate = message};
    struct octets hello = hello_that_offers();
    outer_rig_succeeds(octets_view(&hello), &options, ECH_OUTER_DISABLED);
    octets_free(&hello);
}

/* The verifier sees "leaf", and Finished and CertificateVerify fit the transcript. */
Test(compressed_certificate, cert_5_cert_6_it_counts_as_certificate)
{
    succeeds(MESSAGE(1, LEAF_LENGTH, ZLIB));
    succeeds(MESSAGE(2, LEAF_LENGTH, BROTLI));
    succeeds(bytes_of(NULL, 0));
}

Test(compressed_certificate, cert_1_only_an_algorithm_that_was_offered)
{
    fails(MESSAGE(3, LEAF_LENGTH, ZSTD), ECH_ALERT_ILLEGAL_PARAMETER);
    fails(MESSAGE(0, LEAF_LENGTH, LEAF), ECH_ALERT_ILLEGAL_PARAMETER);
}

Test(compressed_certificate, cert_7_only_if_it_was_offered)
{
    fails_for(hello_openssl, MESSAGE(1, LEAF_LENGTH, ZLIB), ECH_OUTER_FAILURE_PROTOCOL,
              ECH_ALERT_UNEXPECTED_MESSAGE);
}

Test(compressed_certificate, cert_2_what_does_not_open)
{
    fails(MESSAGE(1, LEAF_LENGTH, LEAF), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, LEAF_LENGTH, ZLIB, 0), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, LEAF_LENGTH, 0x78), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(2, LEAF_LENGTH, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(2, LEAF_LENGTH, 0x0b, 0x06), ECH_ALERT_BAD_CERTIFICATE);
}

Test(compressed_certificate, cert_3_another_length)
{
    fails(MESSAGE(1, LEAF_LENGTH - 1, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, LEAF_LENGTH + 1, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(2, LEAF_LENGTH - 1, BROTLI), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(2, LEAF_LENGTH + 1, BROTLI), ECH_ALERT_BAD_CERTIFICATE);
}

Test(compressed_certificate, cert_4_a_length_over_our_bound)
{
    fails(MESSAGE(1, ECH_MESSAGE_MAX + 1, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, 0xffffff, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, 0, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
    fails(MESSAGE(1, ECH_MESSAGE_MAX, ZLIB), ECH_ALERT_BAD_CERTIFICATE);
}

Test(compressed_certificate, cert_2_its_form)
{
    fails(BYTES(0, 1, 0, 0, 13, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fails(BYTES(0, 1, 0, 0, 13, 0, 0, 2, 1), ECH_ALERT_DECODE_ERROR);
    fails(BYTES(0, 1, 0, 0, 13, 0, 0, 1, 1, 1), ECH_ALERT_DECODE_ERROR);
    fails(BYTES(0, 1, 0, 0), ECH_ALERT_DECODE_ERROR);
    fails(BYTES(0), ECH_ALERT_DECODE_ERROR);
}

Test(compressed_certificate, an_algorithm_that_we_lack)
{
    struct octets hello = hello_with(hello_openssl, ECH_EXT_COMPRESS_CERTIFICATE, BYTES(2, 0, 9));
    fails_for(octets_view(&hello), MESSAGE(9, LEAF_LENGTH, LEAF), ECH_OUTER_FAILURE_COMPRESSION,
              ECH_ALERT_INTERNAL_ERROR);
    octets_free(&hello);
}

static enum ech_alert no_chain(void *context, const struct bytes *certificates, size_t count,
                               struct bytes name)
{
    (void)context, (void)certificates, (void)count, (void)name;
    cr_assert_fail("nothing is there to verify");
    return ECH_ALERT_INTERNAL_ERROR;
}

/* The whole exchange then asks the server by a probe, whose hello offers no compression. */
Test(compressed_certificate, what_we_lack_is_asked_for_by_a_probe)
{
    const struct ech_exchange_options options = {.key_share_rule = ECH_KEY_SHARE_OWN,
                                                 .verifier = {.verify_chain = no_chain},
                                                 .decompressor = shim_decompressor};
    const struct tls13_options server_options = {.compressed_certificate =
                                                     MESSAGE(9, LEAF_LENGTH, LEAF)};
    struct octets hello = hello_with(hello_openssl, ECH_EXT_COMPRESS_CERTIFICATE, BYTES(2, 0, 9));
    struct rig *rig = rig_new_with(0, &options, 0);
    struct tls13_server server;
    struct ech_rejection rejection;
    struct writer probe;
    struct ech_client_hello parsed;
    tls13_server_init(&server, &server_options, test_random(&rig->source));
    rig_app_hello(rig, octets_view(&hello), 0x0301);
    rig_offer(rig);
    tls13_server_take(&server, wr_view(&rig->net));
    rig_from_net(rig, wr_view(&server.out));
    cr_assert_eq(rig->last, ECH_EVENT_REJECTED, "%s",
                 ech_failure_name(ech_exchange_failure(rig->exchange)));
    ech_exchange_rejection(rig->exchange, &rejection);
    cr_assert(rejection.probe);
    wr_init(&probe, 0);
    cr_assert_eq(ech_exchange_probe_hello(rig->exchange, &probe), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(wr_view(&probe), &parsed), ECH_OK);
    cr_assert_null(ech_client_hello_find(&parsed, ECH_EXT_COMPRESS_CERTIFICATE));
    wr_free(&probe);
    rig_free(rig);
    tls13_server_free(&server);
    octets_free(&hello);
}

/* ---- the libraries ---- */

static enum ech_status open_by(uint16_t algorithm, struct bytes compressed, size_t length)
{
    static uint8_t out[1000];
    const struct ech_decompressor *decompressor = &shim_decompressor;
    errno = 33;
    memset(out, 0xaa, sizeof out);
    enum ech_status status =
        decompressor->decompress(decompressor->context, algorithm, compressed, out, length);
    cr_assert_eq(errno, 33);
    for (size_t i = length; i < sizeof out; i++) {
        cr_assert_eq(out[i], 0xaa, "it has written beyond the end");
    }
    if (status == ECH_OK) {
        assert_octets(bytes_of(out, length), BYTES(LEAF), "what came out");
    }
    return status;
}

static void check_library(uint16_t algorithm, struct bytes compressed)
{
    if (open_by(algorithm, compressed, LEAF_LENGTH) == ECH_ERR_UNSUPPORTED) {
        cr_log_warn("the library of algorithm %u is not here", algorithm);
        return;
    }
    cr_assert_eq(open_by(algorithm, compressed, LEAF_LENGTH), ECH_OK);
    for (size_t length = 1; length < 40; length++) {
        cr_assert_eq(open_by(algorithm, compressed, length),
                     length == LEAF_LENGTH ? ECH_OK : ECH_ERR_DECODE, "%zu octets", length);
    }
    for (size_t cut = 1; cut < compressed.len; cut++) {
        cr_assert_eq(open_by(algorithm, bytes_of(compressed.data, cut), LEAF_LENGTH),
                     ECH_ERR_DECODE, "cut after %zu octets", cut);
    }
}

Test(compressed_certificate, cert_2_cert_3_each_library)
{
    check_library(ECH_COMPRESSION_ZLIB, BYTES(ZLIB));
    check_library(ECH_COMPRESSION_BROTLI, BYTES(BROTLI));
    check_library(ECH_COMPRESSION_ZSTD, BYTES(ZSTD));
}

/* A bomb: a frame of zstd with 255 blocks of 128 KiB of zeros each, in some hundred octets. */
Test(compressed_certificate, cert_4_a_bomb)
{
    static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, bytes_of(head, sizeof head));
    for (int i = 0; i < 255; i++) {
        unsigned block = (128 * 1024) << 3 | 1 << 1 | (i == 254); /* RLE */
        wr_u8(&w, block & 0xff);
        wr_u8(&w, block >> 8 & 0xff);
        wr_u8(&w, block >> 16);
        wr_u8(&w, 0);
    }
    enum ech_status status = open_by(ECH_COMPRESSION_ZSTD, wr_view(&w), 900);
    cr_assert(status == ECH_ERR_DECODE || status == ECH_ERR_UNSUPPORTED);
    wr_free(&w);
}

static void *no_library(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}

Test(compressed_certificate, a_library_that_is_not_there)
{
    shim_decompress_start(no_library, dlsym);
    cr_assert_eq(open_by(ECH_COMPRESSION_ZLIB, BYTES(ZLIB), LEAF_LENGTH), ECH_ERR_UNSUPPORTED);
    /* It may come later. */
    shim_decompress_start(dlopen, dlsym);
    cr_assert_eq(open_by(ECH_COMPRESSION_ZLIB, BYTES(ZLIB), LEAF_LENGTH), ECH_OK);
    cr_assert_eq(open_by(0, BYTES(ZLIB), LEAF_LENGTH), ECH_ERR_UNSUPPORTED);
}
