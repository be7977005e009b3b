/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/config_problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "ech/config.h"

__attribute__((format(printf, 2, 3))) static bool say_that(char *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out, CONFIG_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return true;
}

/* A version and the length of all that follows: an ECHConfig without its list. */
static bool is_bare_config(struct bytes octets)
{
    struct reader r = rd_of(octets);
    uint16_t version;
    struct reader contents;
    return rd_u16(&r, &version) && version == ECH_VERSION && rd_vec16(&r, &contents) && rd_done(&r);
}

/* ---- one ECHConfig ---- */

/* The fields of ECHConfigContents in their order; `at` is the number of the ECHConfig, from 1. */
static bool contents_problem(struct reader contents, unsigned at, char *out)
{
    uint8_t octet;
    uint16_t number;
    struct reader field;
    const char *cut = NULL;
    if (!rd_u8(&contents, &octet)) {
        cut = "config_id";
    } else if (!rd_u16(&contents, &number)) {
        cut = "kem_id";
    } else if (!rd_vec16(&contents, &field)) {
        cut = "public_key";
    } else if (rd_done(&field)) {
        return say_that(out, "the public_key of ECHConfig %u is empty", at);
    } else if (!rd_vec16(&contents, &field)) {
        cut = "cipher_suites";
    } else if (field.len == 0 || field.len % 4 != 0) {
        return say_that(out, "the cipher_suites of ECHConfig %u have %zu octets, no multiple of 4",
                        at, field.len);
    } else if (!rd_u8(&contents, &octet)) {
        cut = "maximum_name_length";
    } else if (!rd_vec8(&contents, &field)) {
        cut = "public_name";
    } else if (rd_done(&field)) {
        return say_that(out, "the public_name of ECHConfig %u is empty", at);
    } else if (!rd_vec16(&contents, &field)) {
        cut = "extensions";
    } else if (!rd_done(&contents)) {
        return say_that(out, "%zu octets follow behind the extensions of ECHConfig %u",
                        contents.len, at);
    }
    if (cut != NULL) {
        return say_that(out, "ECHConfig %u ends within its %s", at, cut);
    }
    while (!rd_done(&field)) {
        if (!ech_config_extension_next(&field, &number)) {
            return say_that(out, "ECHConfig %u ends within one of its extensions", at);
        }
    }
    return false;
}

static bool configs_problem(struct reader configs, char *out)
{
    for (unsigned at = 1; !rd_done(&configs); at++) {
        uint16_t version;
        uint16_t length;
        struct bytes octets;
        if (!rd_u16(&configs, &version) || !rd_u16(&configs, &length)) {
            return say_that(out, "ECHConfig %u has no more than %zu octets", at, configs.len);
        }
        size_t left = configs.len;
        if (!rd_bytes(&configs, length, &octets)) {
            return say_that(out, "ECHConfig %u says that it has %u octets, and %zu are there", at,
                            length, left);
        }
        if (version == ECH_VERSION && contents_problem(rd_of(octets), at, out)) {
            return true;
        }
    }
    return false;
}

/* ---- the list ---- */

bool config_problem(struct bytes list, char out[CONFIG_PROBLEM_SIZE])
{
    struct reader r = rd_of(list);
    uint16_t length;
    if (ech_config_list_check(list) == ECH_OK) {
        return false;
    }
    if (is_bare_config(list)) {
        return say_that(out, "it is a bare ECHConfig: the two octets with the length of the list "
                             "are missing before it");
    }
    if (!rd_u16(&r, &length)) {
        return say_that(out, "it has %zu octets, fewer than any list", list.len);
    }
    struct bytes rest = rd_rest(&r);
    if (length > rest.len) {
        return say_that(out, "it is cut: the list says that it has %u octets, and %zu are there",
                        length, rest.len);
    }
    if (length < rest.len) {
        return say_that(out, "%zu octets follow behind the list", rest.len - length);
    }
    if (length == 0) {
        return say_that(out, "it is an empty list");
    }
    if (ech_config_list_check(rest) == ECH_OK) {
        return say_that(out, "the length of the list stands before it twice");
    }
    return configs_problem(rd_of(rest), out) || say_that(out, "it is no well-formed ECHConfigList");
}
