/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_text(struct writer *w, const char *text)
{
    wr_bytes(w, bytes_of(text, strlen(text)));
}

/* Octets that are not printable ASCII become \u00XX: valid JSON whatever a hostile name holds. */
static void put_string(struct writer *w, struct bytes octets)
{
    wr_u8(w, '"');
    for (size_t i = 0; i < octets.len; i++) {
        uint8_t c = octets.data[i];
        if (c == '"' || c == '\\') {
            wr_u8(w, '\\');
            wr_u8(w, c);
        } else if (c < 0x20 || c > 0x7e) {
            char escaped[8];
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
            put_text(w, escaped);
        } else {
            wr_u8(w, c);
        }
    }
    wr_u8(w, '"');
}

static void put_key(struct writer *w, const char *key)
{
    wr_u8(w, w->len == 0 ? '{' : ',');
    put_string(w, bytes_of(key, strlen(key)));
    wr_u8(w, ':');
}

static void put_word(struct writer *w, const char *key, const char *value)
{
    put_key(w, key);
    if (value != NULL) {
        put_string(w, bytes_of(value, strlen(value)));
    } else {
        put_text(w, "null");
    }
}

/* A number, or null where `known` says that there is none. */
static void put_number(struct writer *w, const char *key, bool known, uint64_t value)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    put_key(w, key);
    put_text(w, known ? number : "null");
}

static void put_time(struct writer *w, uint64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    char date[24] = "";
    char text[32];
    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    }
    (void)snprintf(text, sizeof text, "%s.%03uZ", date, (unsigned)(time_ms % 1000));
    put_word(w, "time", text);
}

static void put_config(struct writer *w, const struct shim_report *report)
{
    put_key(w, "public_name");
    if (report->has_config) {
        put_string(w, report->public_name);
    } else {
        put_text(w, "null");
    }
    put_number(w, "config_id", report->has_config, report->config_id);
    put_number(w, "kem", report->has_config, report->suite.kem_id);
    put_number(w, "kdf", report->has_config, report->suite.kdf_id);
    put_number(w, "aead", report->has_config, report->suite.aead_id);
}

enum ech_status shim_report_encode(struct writer *w, const struct shim_report *report,
                                   const struct shim_report_origin *origin)
{
    put_time(w, origin->time_ms);
    put_number(w, "pid", true, (uint64_t)origin->pid);
    put_word(w, "program", origin->program);
    put_word(w, "library", report->library);
    put_word(w, "host", report->host);
    put_number(w, "port", report->port != 0, (uint64_t)report->port);
    put_word(w, "mode", shim_mode_name(report->mode));
    put_word(w, "outcome", report->outcome);
    put_word(w, "reason", report->reason);
    put_word(w, "source", report->source);
    put_word(w, "resolver", report->resolver);
    put_config(w, report);
    put_key(w, "hello_retry_request");
    put_text(w, report->hello_retry_request ? "true" : "false");
    put_number(w, "retries", true, report->retries);
    put_number(w, "hello_bytes_inner", report->hello_bytes_inner != 0, report->hello_bytes_inner);
    put_number(w, "hello_bytes_outer", report->hello_bytes_outer != 0, report->hello_bytes_outer);
    put_number(w, "lookup_us", true, report->lookup_us);
    put_number(w, "hello_us", true, report->hello_us);
    put_text(w, "}\n");
    return wr_finish(w);
}
