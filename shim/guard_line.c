/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/guard_line.h"

#include <string.h>

static char *put(char *out, const char *text)
{
    return mempcpy(out, text, strlen(text));
}

/* With leading zeros up to `digits`. */
static char *put_digits(char *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

size_t shim_guard_decimal(char *out, uint64_t value)
{
    unsigned digits = 1;
    for (uint64_t rest = value / 10; rest > 0; rest /= 10) {
        digits++;
    }
    (void)put_digits(out, value, digits);
    return digits;
}

/* The civil date of a day since 1970, in a calendar whose years begin in March (gmtime_r may take
 * a lock). */
static char *put_date(char *out, uint64_t days)
{
    uint64_t shifted = days + 719468; /* since 1 March of the year 0 */
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = year_of_era + era * 400 + (month >= 10 ? 1 : 0);
    out = put_digits(out, year, 4);
    *out++ = '-';
    out = put_digits(out, month < 10 ? month + 3 : month - 9, 2);
    *out++ = '-';
    return put_digits(out, day, 2);
}

size_t shim_guard_line_head(char out[SHIM_GUARD_HEAD], const struct shim_guard_sight *sight)
{
    uint64_t seconds = sight->time_ms / 1000;
    char *at = put(out, "{\"time\":\"");
    at = put_date(at, seconds / 86400);
    *at++ = 'T';
    at = put_digits(at, seconds / 3600 % 24, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    *at++ = '.';
    at = put_digits(at, sight->time_ms % 1000, 3);
    at = put(at, "Z\",\"pid\":");
    at += shim_guard_decimal(at, (uint64_t)sight->pid);
    at = put(at, ",\"program\":");
    return (size_t)(at - out);
}

/* One octet of a JSON string, as shim/report writes it; gives the length, at most 6. */
static size_t escape(char out[6], unsigned char octet)
{
    static const char hex[] = "0123456789abcdef";
    if (octet == '"' || octet == '\\') {
        out[0] = '\\';
        out[1] = (char)octet;
        return 2;
    }
    if (octet < 0x20 || octet > 0x7e) {
        (void)put(out, "\\u00");
        out[4] = hex[octet >> 4];
        out[5] = hex[octet & 15];
        return 6;
    }
    out[0] = (char)octet;
    return 1;
}

void shim_guard_line_program(char *out, size_t size, const char *path)
{
    size_t used = 0;
    if (path != NULL) {
        out[used++] = '"';
        for (; *path != '\0'; path++) {
            char escaped[6];
            size_t length = escape(escaped, (unsigned char)*path);
            if (used + length + 2 > size) {
                break;
            }
            memcpy(out + used, escaped, length);
            used += length;
        }
        if (*path == '\0') {
            (void)put(out + used, "\"");
            out[used + 1] = '\0';
            return;
        }
    }
    memcpy(out, "null", 5);
}

size_t shim_guard_line_tail(char out[SHIM_GUARD_TAIL], const struct shim_guard_sight *sight)
{
    char *at = put(out, ",\"library\":null,\"host\":null,\"port\":");
    at += shim_guard_decimal(at, sight->port);
    at = put(at, ",\"mode\":\"");
    at = put(at, sight->mode);
    at = put(at, "\",\"outcome\":\"");
    at = put(at, sight->outcome);
    at = put(at, "\",\"reason\":\"");
    at = put(at, sight->reason);
    at = put(at, "\",\"source\":\"none\",\"resolver\":null,\"public_name\":null,\"config_id\":null,"
                 "\"kem\":null,\"kdf\":null,\"aead\":null,\"hello_retry_request\":false,"
                 "\"retries\":0,\"hello_bytes_inner\":null,\"hello_bytes_outer\":null,"
                 "\"lookup_us\":0,\"hello_us\":0}\n");
    return (size_t)(at - out);
}
