/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/config.h"

enum {
    CIPHER_SUITE_SIZE = 4,
    LABEL_MAX = 63,
};

const char *ech_config_verdict_name(enum ech_config_verdict verdict)
{
    switch (verdict) {
    case ECH_CONFIG_USABLE:
        return "usable";
    case ECH_CONFIG_VERSION:
        return "version";
    case ECH_CONFIG_KEM:
        return "kem";
    case ECH_CONFIG_CIPHER_SUITE:
        return "cipher_suite";
    case ECH_CONFIG_PUBLIC_KEY:
        return "public_key";
    case ECH_CONFIG_PUBLIC_NAME:
        return "public_name";
    case ECH_CONFIG_MANDATORY_EXTENSION:
        return "mandatory_extension";
    case ECH_CONFIG_DUPLICATE_EXTENSION:
        return "duplicate_extension";
    }
    return "unknown";
}

/* ---- parsing (RFC 9849, 4) ---- */

bool ech_config_extension_next(struct reader *extensions, uint16_t *type)
{
    struct reader data;
    return rd_u16(extensions, type) && rd_vec16(extensions, &data);
}

static bool extensions_well_formed(struct bytes extensions)
{
    struct reader r = rd_of(extensions);
    while (!rd_done(&r)) {
        uint16_t type;
        if (!ech_config_extension_next(&r, &type)) {
            return false;
        }
    }
    return true;
}

/* struct ECHConfigContents */
static bool parse_contents(struct reader contents, struct ech_config *config)
{
    struct reader public_key;
    struct reader cipher_suites;
    struct reader public_name;
    struct reader extensions;
    if (!rd_u8(&contents, &config->config_id) || !rd_u16(&contents, &config->kem_id) ||
        !rd_vec16(&contents, &public_key) || !rd_vec16(&contents, &cipher_suites) ||
        !rd_u8(&contents, &config->maximum_name_length) || !rd_vec8(&contents, &public_name) ||
        !rd_vec16(&contents, &extensions) || !rd_done(&contents)) {
        return false;
    }
    config->public_key = rd_rest(&public_key);
    config->cipher_suites = rd_rest(&cipher_suites);
    config->public_name = rd_rest(&public_name);
    config->extensions = rd_rest(&extensions);
    /* public_key<1..2^16-1>, cipher_suites<4..2^16-4>, public_name<1..255> */
    return config->public_key.len > 0 && config->cipher_suites.len > 0 &&
           config->cipher_suites.len % CIPHER_SUITE_SIZE == 0 && config->public_name.len > 0 &&
           extensions_well_formed(config->extensions);
}

/* struct ECHConfig. Contents of other versions are skipped by their length. */
static bool parse_config(struct reader *configs, struct ech_config *config)
{
    *config = (struct ech_config){0};
    struct reader whole = *configs;
    struct reader contents;
    if (!rd_u16(configs, &config->version) || !rd_vec16(configs, &contents) ||
        !rd_bytes(&whole, whole.len - configs->len, &config->raw)) {
        return false;
    }
    return config->version != ECH_VERSION || parse_contents(contents, config);
}

enum ech_status ech_config_list_begin(struct bytes list, struct reader *configs)
{
    struct reader r = rd_of(list);
    struct reader children;
    /* ECHConfig ECHConfigList<4..2^16-1>: one config at the least. */
    if (!rd_vec16(&r, &children) || !rd_done(&r) || rd_done(&children)) {
        return ECH_ERR_DECODE;
    }
    struct reader rest = children;
    while (!rd_done(&rest)) {
        struct ech_config config;
        if (!parse_config(&rest, &config)) {
            return ECH_ERR_DECODE;
        }
    }
    *configs = children;
    return ECH_OK;
}

enum ech_status ech_config_list_check(struct bytes list)
{
    struct reader configs;
    return ech_config_list_begin(list, &configs);
}

bool ech_config_list_next(struct reader *configs, struct ech_config *config)
{
    return !rd_done(configs) && parse_config(configs, config);
}

/* ---- public_name (RFC 9849, 6.1.7) ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ldh(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool all_are(struct bytes text, bool (*kind)(uint8_t c))
{
    struct reader r = rd_of(text);
    uint8_t c;
    while (rd_u8(&r, &c)) {
        if (!kind(c)) {
            return false;
        }
    }
    return true;
}

/* An LDH label (RFC 5890, 2.3.1): no hyphen at either end. */
static bool label_valid(struct bytes label)
{
    struct reader r = rd_of(label);
    uint8_t first;
    if (label.len > LABEL_MAX || !rd_u8(&r, &first)) {
        return false;
    }
    uint8_t last = first;
    while (rd_u8(&r, &last)) {
    }
    return first != '-' && last != '-' && all_are(label, is_ldh);
}

/* What the WHATWG's IPv4 parser takes for a number: digits, or 0x and perhaps hexadecimal digits.
 */
static bool label_is_number(struct bytes label)
{
    if (all_are(label, is_digit)) {
        return true;
    }
    struct reader r = rd_of(label);
    uint8_t zero;
    uint8_t x;
    return rd_u8(&r, &zero) && zero == '0' && rd_u8(&r, &x) && (x == 'x' || x == 'X') &&
           all_are(rd_rest(&r), is_hex_digit);
}

/* Takes the label up to the next dot, or to the end, and that dot. *more: there was a dot. */
static bool rd_label(struct reader *r, struct bytes *label, bool *more)
{
    struct reader start = *r;
    uint8_t c = 0;
    size_t len = 0;
    while (rd_u8(r, &c) && c != '.') {
        len++;
    }
    *more = c == '.';
    return rd_bytes(&start, len, label);
}

bool ech_public_name_valid(struct bytes name)
{
    struct reader r = rd_of(name);
    struct bytes label;
    bool more;
    do {
        if (!rd_label(&r, &label, &more) || !label_valid(label)) {
            return false;
        }
    } while (more);
    return !label_is_number(label);
}
