/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/https_rr.h"

#include <string.h>

#include "ech/config.h"

/* RFC 9460, 7.1.1: ids of 1 to 255 octets that fill the value exactly, at least one. */
static bool alpn_valid(struct bytes value)
{
    struct reader r = rd_of(value);
    if (rd_done(&r)) {
        return false;
    }
    while (!rd_done(&r)) {
        struct reader id;
        if (!rd_vec8(&r, &id) || rd_done(&id)) {
            return false;
        }
    }
    return true;
}

/* RFC 9460, 8: keys of 2 octets, strictly increasing, not itself, at least one. */
static bool mandatory_valid(struct bytes value)
{
    struct reader r = rd_of(value);
    uint16_t previous = HTTPS_KEY_MANDATORY;
    if (rd_done(&r)) {
        return false;
    }
    while (!rd_done(&r)) {
        uint16_t key;
        /* As key 0 is `mandatory` itself, "greater than the one before" also says "not itself". */
        if (!rd_u16(&r, &key) || key <= previous) {
            return false;
        }
        previous = key;
    }
    return true;
}

/* RFC 9460, 7.3: whole addresses, at least one. */
static bool hint_valid(struct bytes value, size_t address_size)
{
    return value.len > 0 && value.len % address_size == 0;
}

static bool port_read(struct bytes value, struct https_rr *rr)
{
    struct reader r = rd_of(value);
    rr->has_port = rd_u16(&r, &rr->port) && rd_done(&r);
    return rr->has_port;
}

/* Takes one parameter; false if its value does not have its key's format. Unknown keys are ignored
 * (RFC 9460, 2.4.3). */
static bool take_param(uint16_t key, struct bytes value, struct https_rr *rr)
{
    switch (key) {
    case HTTPS_KEY_MANDATORY:
        rr->mandatory = value;
        return mandatory_valid(value);
    case HTTPS_KEY_ALPN:
        rr->alpn = value;
        return alpn_valid(value);
    case HTTPS_KEY_NO_DEFAULT_ALPN:
        rr->no_default_alpn = true;
        return value.len == 0;
    case HTTPS_KEY_PORT:
        return port_read(value, rr);
    case HTTPS_KEY_IPV4HINT:
        rr->ipv4hint = value;
        return hint_valid(value, 4);
    case HTTPS_KEY_ECH:
        /* RFC 9848, 3: an ECHConfigList with its redundant length prefix and nothing after it. */
        rr->ech = value;
        return ech_config_list_check(value) == ECH_OK;
    case HTTPS_KEY_IPV6HINT:
        rr->ipv6hint = value;
        return hint_valid(value, 16);
    default:
        return true;
    }
}

/* One SvcParam. Keys are strictly increasing (RFC 9460, 2.2): *floor is the least key that may
 * stand here. */
static bool param_read(struct reader *params, uint32_t *floor, uint16_t *key, struct bytes *value)
{
    struct reader child;
    if (!rd_u16(params, key) || *key < *floor || !rd_vec16(params, &child)) {
        return false;
    }
    *floor = (uint32_t)*key + 1;
    *value = rd_rest(&child);
    return true;
}

static bool key_present(struct reader params, uint16_t wanted)
{
    uint32_t floor = 0;
    uint16_t key;
    struct bytes value;
    while (!rd_done(&params) && param_read(&params, &floor, &key, &value)) {
        if (key == wanted) {
            return true;
        }
    }
    return false;
}

/* Consistency (RFC 9460, 2.4.3, 7.1.1, 8), and then: do we know every mandatory key? */
static enum https_rr_verdict judge(struct reader params, const struct https_rr *rr)
{
    if (rr->no_default_alpn && rr->alpn.len == 0) {
        return HTTPS_RR_REJECTED;
    }
    enum https_rr_verdict verdict = HTTPS_RR_OK;
    struct reader mandatory = rd_of(rr->mandatory);
    uint16_t key;
    while (rd_u16(&mandatory, &key)) {
        if (!key_present(params, key)) {
            return HTTPS_RR_REJECTED;
        }
        if (key > HTTPS_KEY_IPV6HINT) {
            verdict = HTTPS_RR_INCOMPATIBLE;
        }
    }
    return verdict;
}

enum https_rr_verdict https_rr_parse(struct bytes rdata, struct https_rr *rr)
{
    struct reader r = rd_of(rdata);
    *rr = (struct https_rr){0};
    if (!rd_u16(&r, &rr->priority) || dns_name_read(&r, &rr->target) != ECH_OK) {
        return HTTPS_RR_MALFORMED;
    }
    const struct reader params = r;
    uint32_t floor = 0;
    while (!rd_done(&r)) {
        uint16_t key;
        struct bytes value;
        if (!param_read(&r, &floor, &key, &value)) {
            return HTTPS_RR_MALFORMED;
        }
        if (rr->priority != 0 && !take_param(key, value, rr)) {
            return HTTPS_RR_MALFORMED;
        }
    }
    return rr->priority == 0 ? HTTPS_RR_OK : judge(params, rr);
}

static bool starts_with(struct bytes id, const char *prefix)
{
    size_t len = strlen(prefix);
    return id.len >= len && memcmp(id.data, prefix, len) == 0;
}

static bool quic_only(struct bytes id)
{
    return bytes_equal(id, bytes_of("h3", 2)) || bytes_equal(id, bytes_of("doq", 3)) ||
           starts_with(id, "h3-") || starts_with(id, "hq-");
}

bool https_rr_usable_over_tcp(const struct https_rr *rr)
{
    if (!rr->no_default_alpn) {
        return true;
    }
    struct reader ids = rd_of(rr->alpn);
    struct reader id;
    while (rd_vec8(&ids, &id)) {
        if (!quic_only(rd_rest(&id))) {
            return true;
        }
    }
    return false;
}

bool https_port_is_restricted(uint16_t port)
{
    static const uint16_t bad[] = {
        0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,
        37,   42,   43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,
        110,  111,  113,  115,  117,  119,  123,  135,  137,  139,  143,  161,  179,  389,
        427,  465,  512,  513,  514,  515,  526,  530,  531,  532,  540,  548,  554,  556,
        563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049, 3659, 4045,
        4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (port == bad[i]) {
            return true;
        }
    }
    return false;
}
