/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shim/common/report.h"

/* The parsed line; the report must have exactly one, with its newline. */
static json_t *encode(const struct shim_report *report, const struct shim_report_origin *origin,
                      size_t flags)
{
    char line[SHIM_REPORT_MAX];
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, origin);
    cr_assert_eq(fields.count, SHIM_REPORT_lost);
    size_t length = shim_report_json(&fields, line, sizeof line);
    cr_assert_gt(length, 0);
    cr_assert_eq(line[length - 1], '\n');
    for (size_t i = 0; i < length - 1; i++) {
        cr_assert(line[i] >= 0x20 && line[i] < 0x7f, "octet %02x", (unsigned char)line[i]);
    }
    json_error_t error;
    json_t *parsed = json_loadb(line, length, JSON_REJECT_DUPLICATES | flags, &error);
    cr_assert_not_null(parsed, "%s: %.*s", error.text, (int)length, line);
    cr_assert_eq(json_object_size(parsed), SHIM_REPORT_lost);
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
        .outer_name = bytes_of("www.example", 11),
        .config_id = 255,
        .suite = {.kem_id = 32, .kdf_id = 1, .aead_id = 3},
        .hello_retry_request = true,
        .retries = 1,
        .hello_bytes_inner = 252,
        .hello_bytes_outer = 497,
        .lookup_us = UINT64_C(1) << 40,
        .hello_us = 800,
    };
    json_t *line = encode(&report, &origin, 0);
    json_t *expected = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:n, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, "
        "s:b, "
        "s:i, s:i, s:i, s:I, s:i}",
        "time", "2026-08-01T00:00:00.123Z", "pid", 4711, "program", "/usr/bin/curl", "library",
        "openssl", "host", "secret.example.org", "port", 8443, "mode", "strict", "outcome",
        "accepted", "reason", "source", "dns", "resolver", "udp://192.0.2.1:53", "public_name",
        "public.example", "outer_name", "www.example", "config_id", 255, "kem", 32, "kdf", 1,
        "aead", 3, "hello_retry_request", 1, "retries", 1, "hello_bytes_inner", 252,
        "hello_bytes_outer", 497, "lookup_us", (json_int_t)1 << 40, "hello_us", 800);
    cr_assert_not_null(expected);
    cr_assert(json_equal(line, expected), "%s", json_dumps(line, 0));
    json_decref(expected);
    json_decref(line);
}

Test(report, what_is_not_known_is_null)
{
    static const char *const nulls[] = {
        "program",          "library", "host",     "port",        "outcome",
        "reason",           "source",  "resolver", "public_name", "outer_name",
        "config_id",        "kem",     "kdf",      "aead",        "hello_bytes_inner",
        "hello_bytes_outer"};
    json_t *line = encode(&(struct shim_report){0}, &(struct shim_report_origin){0}, 0);
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        cr_assert(json_is_null(json_object_get(line, nulls[i])), "%s", nulls[i]);
    }
    cr_assert(json_is_false(json_object_get(line, "hello_retry_request")));
    cr_assert_str_eq(json_string_value(json_object_get(line, "time")), "1970-01-01T00:00:00.000Z");
    json_decref(line);
}

/* A name comes from the application or from the network, so it may hold any octets. */
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
    json_t *line = encode(&report, &hostile, JSON_ALLOW_NUL);
    cr_assert_eq(json_string_length(json_object_get(line, "public_name")), 256 + 128,
                 "an octet above 7f is a character of two in UTF-8");
    json_decref(line);
}

Test(report, a_line_that_does_not_fit_is_none)
{
    char line[SHIM_REPORT_MAX];
    struct shim_report_fields fields;
    shim_report_collect(&fields, &(struct shim_report){0}, &origin);
    size_t length = shim_report_json(&fields, line, sizeof line);
    cr_assert_eq(shim_report_json(&fields, line, length), length);
    for (size_t size = 0; size < length; size++) {
        cr_assert_eq(shim_report_json(&fields, line, size), 0);
    }
}

/* The longest value of every field. */
Test(report, every_report_fits)
{
    char path[1024];
    char name[256];
    memset(path, 0xff, sizeof path - 1);
    memset(name, 0x01, sizeof name - 1);
    path[sizeof path - 1] = '\0';
    name[sizeof name - 1] = '\0';
    struct shim_report report = {.library = "openssl",
                                 .host = name,
                                 .port = 65535,
                                 .outcome = "rejected",
                                 .reason = "connection_used",
                                 .source = "retry_configs",
                                 .resolver = name,
                                 .has_config = true,
                                 .public_name = bytes_of(name, sizeof name - 1),
                                 .retries = UINT32_MAX,
                                 .hello_bytes_inner = SSIZE_MAX,
                                 .hello_bytes_outer = SSIZE_MAX,
                                 .lookup_us = INT64_MAX,
                                 .hello_us = INT64_MAX};
    json_decref(encode(&report,
                       &(struct shim_report_origin){.time_ms = 1785542400123, .program = path}, 0));
}

static void check_time(uint64_t time_ms)
{
    struct shim_report_fields fields;
    struct shim_report_origin at = {.time_ms = time_ms};
    shim_report_collect(&fields, &(struct shim_report){0}, &at);
    time_t seconds = (time_t)(time_ms / 1000);
    if ((uint64_t)seconds != time_ms / 1000) {
        return; /* a C library that ends in 2038 cannot judge */
    }
    struct tm utc;
    char date[32];
    char expected[64];
    cr_assert_not_null(gmtime_r(&seconds, &utc));
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(expected, sizeof expected, "%s.%03uZ", date, (unsigned)(time_ms % 1000));
    cr_assert_str_eq(fields.time, expected);
}

Test(report, times)
{
    check_time(951782399999); /* 28 and 29 February 2000 */
    check_time(951868799000);
    check_time(1709251199001); /* 29 February 2024 */
    check_time(4107542400000); /* 1 March 2100 */
    for (uint64_t day = 0; day < 800 * 366; day += 13) {
        check_time(day * 86400000 + 12345678);
    }
}

/* ---- for the journal ---- */

struct entry {
    char octets[SHIM_REPORT_MAX];
    size_t length;
};

/* Reads an entry as systemd-journald does, field after field, to its end. Returns the value of the
 * only field of this name, or data NULL. */
static struct bytes value_of(const struct entry *entry, const char *name)
{
    const char *at = entry->octets;
    const char *end = at + entry->length;
    struct bytes found = {0};
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        cr_assert_not_null(newline, "the end is inside a field");
        const char *equals = memchr(at, '=', (size_t)(newline - at));
        size_t name_length = (size_t)((equals != NULL ? equals : newline) - at);
        cr_assert(name_length > 0 && name_length <= 64 && at[0] >= 'A' && at[0] <= 'Z');
        for (size_t i = 0; i < name_length; i++) {
            cr_assert((at[i] >= 'A' && at[i] <= 'Z') || at[i] == '_', "%.*s", (int)name_length, at);
        }
        struct bytes value = {0};
        if (equals != NULL) {
            value = bytes_of(equals + 1, (size_t)(newline - equals - 1));
        } else {
            uint64_t length = 0;
            cr_assert_geq(end - newline - 1, 8);
            for (int i = 7; i >= 0; i--) {
                length = length << 8 | (unsigned char)newline[1 + i];
            }
            cr_assert_lt(length, (uint64_t)(end - newline - 9));
            value = bytes_of(newline + 9, (size_t)length);
        }
        const char *after = (const char *)value.data + value.len;
        cr_assert_eq(*after, '\n');
        if (strlen(name) == name_length && memcmp(name, at, name_length) == 0) {
            cr_assert_null(found.data, "%s comes twice", name);
            found = value;
        }
        at = after + 1;
    }
    return found;
}

static void collect_entry(struct entry *entry, const struct shim_report *report,
                          const struct shim_report_origin *from)
{
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, from);
    entry->length = shim_report_journal(&fields, entry->octets, sizeof entry->octets);
    cr_assert_gt(entry->length, 0);
}

static void expect_value(const struct entry *entry, const char *name, const char *expected)
{
    struct bytes value = value_of(entry, name);
    cr_assert(value.data != NULL && bytes_equal(value, bytes_of(expected, strlen(expected))),
              "%s is \"%.*s\", not \"%s\"", name, (int)value.len, (const char *)value.data,
              expected);
}

Test(report_journal, usual_entry)
{
    static struct entry entry;
    struct shim_report report = {.library = "openssl",
                                 .host = "secret.example.org",
                                 .port = 443,
                                 .mode = SHIM_MODE_OPPORTUNISTIC,
                                 .outcome = "grease",
                                 .reason = "nodata",
                                 .source = "none",
                                 .lookup_us = 12};
    collect_entry(&entry, &report, &origin);
    expect_value(&entry, "MESSAGE", "curl: secret.example.org: grease (nodata)");
    expect_value(&entry, "MESSAGE_ID", SHIM_REPORT_MESSAGE_ID);
    cr_assert_eq(strspn(SHIM_REPORT_MESSAGE_ID, "0123456789abcdef"), 32);
    expect_value(&entry, "PRIORITY", "5");
    expect_value(&entry, "SYSLOG_IDENTIFIER", "libechshim");
    expect_value(&entry, "ECHSHIM_TIME", "2026-08-01T00:00:00.123Z");
    expect_value(&entry, "ECHSHIM_PID", "4711");
    expect_value(&entry, "ECHSHIM_PORT", "443");
    expect_value(&entry, "ECHSHIM_HELLO_RETRY_REQUEST", "false");
    expect_value(&entry, "ECHSHIM_LOOKUP_US", "12");
    cr_assert_null(value_of(&entry, "ECHSHIM_PUBLIC_NAME").data, "what is null has no field");
}

/* Both printers show the same fields with the same values. */
Test(report_journal, every_field_of_the_line_is_in_the_entry)
{
    static struct entry entry;
    struct shim_report report = {.library = "gnutls",
                                 .host = "a.example",
                                 .port = 8443,
                                 .outcome = "accepted",
                                 .source = "dns",
                                 .resolver = "udp://192.0.2.1:53",
                                 .reason = "none at all",
                                 .has_config = true,
                                 .public_name = bytes_of("public.example", 14),
                                 .outer_name = bytes_of("www.example", 11),
                                 .config_id = 255,
                                 .suite = {.kem_id = 32, .kdf_id = 1, .aead_id = 3},
                                 .hello_retry_request = true,
                                 .hello_bytes_inner = 252,
                                 .hello_bytes_outer = 497};
    json_t *line = encode(&report, &origin, 0);
    collect_entry(&entry, &report, &origin);
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value)
    {
        char name[64] = "ECHSHIM_";
        char expected[64];
        for (size_t i = 0; i <= strlen(key); i++) {
            name[8 + i] = (char)toupper((unsigned char)key[i]);
        }
        snprintf(expected, sizeof expected, "%lld", (long long)json_integer_value(value));
        expect_value(&entry, name,
                     json_is_string(value)    ? json_string_value(value)
                     : json_is_boolean(value) ? (json_is_true(value) ? "true" : "false")
                                              : expected);
    }
    json_decref(line);
}

Test(report_journal, priorities)
{
    static const char *const outcomes[][2] = {
        {"accepted", "6"}, {"grease", "5"},   {"plain", "5"}, {"disabled", "5"},
        {"refused", "4"},  {"rejected", "4"}, {"failed", "4"}};
    static struct entry entry;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        collect_entry(&entry, &(struct shim_report){.outcome = outcomes[i][0]}, &origin);
        expect_value(&entry, "PRIORITY", outcomes[i][1]);
    }
}

/* No value creates another field, and none of its octets is lost. */
Test(report_journal, hostile_values)
{
    static struct entry entry;
    static const uint8_t name[] = "public\0PRIORITY=0\nMESSAGE=owned\n\nA\n\1\0\0\0\0\0\0\0";
    struct shim_report report = {.host = "a\nPRIORITY=0\nECHSHIM_MODE=x=\033[31m",
                                 .outcome = "refused",
                                 .has_config = true,
                                 .public_name = bytes_of(name, sizeof name)};
    struct shim_report_origin hostile = {.program = "/tmp/a=b\nMESSAGE_ID=0/\xff\n"};
    collect_entry(&entry, &report, &hostile);
    expect_value(&entry, "PRIORITY", "4");
    expect_value(&entry, "MESSAGE_ID", SHIM_REPORT_MESSAGE_ID);
    expect_value(&entry, "ECHSHIM_MODE", "off");
    expect_value(&entry, "ECHSHIM_HOST", report.host);
    expect_value(&entry, "ECHSHIM_PROGRAM", hostile.program);
    cr_assert(bytes_equal(value_of(&entry, "ECHSHIM_PUBLIC_NAME"), report.public_name));
    expect_value(&entry, "MESSAGE", "??: a?PRIORITY=0?ECHSHIM_MODE=x=?[31m: refused");
}

Test(report_journal, an_entry_that_does_not_fit_is_none)
{
    char out[SHIM_REPORT_MAX];
    struct shim_report_fields fields;
    shim_report_collect(&fields, &(struct shim_report){.host = "a\nb"}, &origin);
    size_t length = shim_report_journal(&fields, out, sizeof out);
    cr_assert_eq(shim_report_journal(&fields, out, length), length);
    for (size_t size = 0; size < length; size++) {
        cr_assert_eq(shim_report_journal(&fields, out, size), 0);
    }
}

/* The field is there only if it has a value. */
Test(report, lost_lines)
{
    struct shim_report_fields fields;
    char line[SHIM_REPORT_MAX];
    const struct shim_report_origin origin_of_lost = {.lost = 7};
    shim_report_collect(&fields, &(struct shim_report){0}, &origin_of_lost);
    size_t length = shim_report_json(&fields, line, sizeof line);
    cr_assert_not_null(memmem(line, length, ",\"lost\":7}\n", strlen(",\"lost\":7}\n")));
}
