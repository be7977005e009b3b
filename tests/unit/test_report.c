/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "shim/report.h"

enum { LINE_MAX = 8192 };

/* The parsed line; exactly one, with its newline. */
static json_t *encode(const struct shim_report *report, const struct shim_report_origin *origin)
{
    struct writer w;
    wr_init(&w, LINE_MAX);
    cr_assert_eq(shim_report_encode(&w, report, origin), ECH_OK);
    struct bytes line = wr_view(&w);
    cr_assert_eq(line.data[line.len - 1], '\n');
    cr_assert_null(memchr(line.data, '\n', line.len - 1), "more than one line");
    json_error_t error;
    json_t *parsed = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(parsed, "%s: %.*s", error.text, (int)line.len, (const char *)line.data);
    wr_wipe(&w);
    return parsed;
}

static const struct shim_report_origin origin = {
    .time_ms = 1785542400123, .pid = 4711, .program = "/usr/bin/curl"};

Test(report, all_fields)
{
    struct shim_report report = {
        .library = "openssl",
        .host = "secret.example.org",
        .port = 8443,
        .mode = SHIM_MODE_STRICT,
        .outcome = "accepted",
        .source = "dns",
        .resolver = "udp://192.0.2.1:53",
        .has_config = true,
        .public_name = bytes_of("public.example", 14),
        .config_id = 255,
        .suite = {.kem_id = 32, .kdf_id = 1, .aead_id = 3},
        .hello_retry_request = true,
        .retries = 1,
        .hello_bytes_inner = 252,
        .hello_bytes_outer = 497,
        .lookup_us = UINT64_C(1) << 40,
        .hello_us = 800,
    };
    json_t *line = encode(&report, &origin);
    json_t *expected = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:n, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:b, "
        "s:i, s:i, s:i, s:I, s:i}",
        "time", "2026-08-01T00:00:00.123Z", "pid", 4711, "program", "/usr/bin/curl", "library",
        "openssl", "host", "secret.example.org", "port", 8443, "mode", "strict", "outcome",
        "accepted", "reason", "source", "dns", "resolver", "udp://192.0.2.1:53", "public_name",
        "public.example", "config_id", 255, "kem", 32, "kdf", 1, "aead", 3, "hello_retry_request",
        1, "retries", 1, "hello_bytes_inner", 252, "hello_bytes_outer", 497, "lookup_us",
        (json_int_t)1 << 40, "hello_us", 800);
    cr_assert_not_null(expected);
    cr_assert(json_equal(line, expected), "%s", json_dumps(line, 0));
}

Test(report, what_is_not_known_is_null)
{
    static const char *const nulls[] = {"program",
                                        "library",
                                        "host",
                                        "port",
                                        "outcome",
                                        "reason",
                                        "source",
                                        "resolver",
                                        "public_name",
                                        "config_id",
                                        "kem",
                                        "kdf",
                                        "aead",
                                        "hello_bytes_inner",
                                        "hello_bytes_outer"};
    json_t *line = encode(&(struct shim_report){0}, &(struct shim_report_origin){0});
    cr_assert_eq(json_object_size(line), 22);
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        cr_assert(json_is_null(json_object_get(line, nulls[i])), "%s", nulls[i]);
    }
    cr_assert(json_is_false(json_object_get(line, "hello_retry_request")));
    cr_assert_str_eq(json_string_value(json_object_get(line, "time")), "1970-01-01T00:00:00.000Z");
}

/* A name comes from the application or from the network: any octets. */
Test(report, any_octets)
{
    char host[256];
    uint8_t name[256];
    for (int i = 0; i < 255; i++) {
        host[i] = (char)(i + 1);
    }
    host[255] = '\0';
    for (int i = 0; i < 256; i++) {
        name[i] = (uint8_t)(255 - i);
    }
    struct shim_report report = {
        .host = host, .has_config = true, .public_name = bytes_of(name, sizeof name)};
    struct shim_report_origin hostile = {.program = "/tmp/\"},{\"pid\":1\\\n\t\x7f\xff"};
    struct writer w;
    wr_init(&w, LINE_MAX);
    cr_assert_eq(shim_report_encode(&w, &report, &hostile), ECH_OK);
    struct bytes line = wr_view(&w);
    json_t *parsed = json_loadb((const char *)line.data, line.len,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(parsed, "%.*s", (int)line.len, (const char *)line.data);
    cr_assert_eq(json_object_size(parsed), 22);
    for (size_t i = 0; i < line.len - 1; i++) {
        cr_assert(line.data[i] >= 0x20 && line.data[i] < 0x7f);
    }
    wr_wipe(&w);
}

Test(report, a_line_that_does_not_fit_is_none)
{
    struct writer w;
    wr_init(&w, 100);
    cr_assert_neq(shim_report_encode(&w, &(struct shim_report){0}, &origin), ECH_OK);
    wr_wipe(&w);
}
