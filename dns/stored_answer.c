/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stored_answer.h"

#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "ech/crypto.h"

enum {
    RESULT_FOUND = 1,
    RESULT_NONE = 2,
    ALL_HAVE_ECH = 1,
    ALIAS_FOLLOWED = 2,
    TARGET_IS_OWNER = 1,
    NO_DEFAULT_ALPN = 2,
    ENDPOINTS_MAX = DNS_RDATA_MAX + 1, /* including the one for an alias's target */
};

static const uint8_t magic[8] = {'E', 'C', 'H', 'c', 'a', 'c', 'h', 'e'};

static void write_u64(struct writer *w, uint64_t value)
{
    wr_u32(w, (uint32_t)(value >> 32));
    wr_u32(w, (uint32_t)value);
}

static bool read_u64(struct reader *r, uint64_t *value)
{
    uint32_t high;
    uint32_t low;
    if (!rd_u32(r, &high) || !rd_u32(r, &low)) {
        return false;
    }
    *value = (uint64_t)high << 32 | low;
    return true;
}

static void write_vec(struct writer *w, uint8_t size, struct bytes octets)
{
    struct wr_mark mark = wr_open(w, size);
    wr_bytes(w, octets);
    wr_close(w, mark);
}

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

/* SHA-256. */
static enum ech_status digest_of(struct bytes octets, uint8_t digest[DNS_STORED_DIGEST])
{
    return ech_hash_parts(ECH_HASH_SHA256, &octets, 1, digest);
}

/* ---- writing ---- */

static void write_key(struct writer *w, const struct dns_cache_key *key)
{
    write_u64(w, key->network);
    write_vec(w, 2, text(key->resolver_id));
    wr_bytes(w, dns_name_view(&key->question->qname));
    wr_u16(w, key->question->type);
}

/* Turns a host name as text (by dns_name_to_host) back into labels. */
static void write_target(struct writer *w, const char *host)
{
    while (*host != '\0') {
        size_t len = strcspn(host, ".");
        write_vec(w, 1, bytes_of(host, len));
        host += len;
        host += *host == '.' ? 1 : 0;
    }
    wr_u8(w, 0);
}

static void write_endpoint(struct writer *w, const struct dns_endpoint *endpoint)
{
    write_target(w, endpoint->target);
    wr_u8(w, (uint8_t)((endpoint->target_is_owner ? TARGET_IS_OWNER : 0) |
                       (endpoint->no_default_alpn ? NO_DEFAULT_ALPN : 0)));
    wr_u16(w, endpoint->port);
    wr_u16(w, endpoint->priority);
    write_vec(w, 2, endpoint->alpn);
    write_vec(w, 2, endpoint->ech_config_list);
    write_vec(w, 2, endpoint->ipv4hint);
    write_vec(w, 2, endpoint->ipv6hint);
}

static void write_answer(struct writer *w, const struct dns_endpoints *answer)
{
    wr_u8(w, answer->result == DNS_FOUND ? RESULT_FOUND : RESULT_NONE);
    write_vec(w, 1, text(dns_reason_name(answer->reason)));
    wr_u8(w, (uint8_t)((answer->all_have_ech ? ALL_HAVE_ECH : 0) |
                       (answer->alias_followed ? ALIAS_FOLLOWED : 0)));
    wr_u16(w, (uint16_t)answer->count);
    for (size_t i = 0; i < answer->count; i++) {
        write_endpoint(w, &answer->endpoints[i]);
    }
}

enum ech_status dns_stored_encode(struct writer *w, const struct dns_cache_key *key,
                                  const struct dns_stored *stored)
{
    struct writer whole;
    uint8_t digest[DNS_STORED_DIGEST] = {0};
    if (stored->answer->count > ENDPOINTS_MAX) {
        return ECH_ERR_SPACE;
    }
    wr_init(&whole, DNS_STORED_MAX);
    wr_bytes(&whole, bytes_of(magic, sizeof magic));
    wr_u16(&whole, DNS_STORED_VERSION);
    write_u64(&whole, stored->stored_s);
    write_u64(&whole, stored->expires_s);
    write_key(&whole, key);
    write_answer(&whole, stored->answer);
    enum ech_status status = digest_of(wr_view(&whole), digest);
    wr_bytes(&whole, bytes_of(digest, sizeof digest));
    if (status == ECH_OK) {
        status = wr_finish(&whole);
    }
    if (status == ECH_OK) {
        wr_bytes(w, wr_view(&whole));
        status = wr_finish(w);
    }
    wr_free(&whole);
    return status;
}

enum ech_status dns_cache_key_digest(const struct dns_cache_key *key,
                                     uint8_t digest[DNS_STORED_DIGEST])
{
    struct writer w;
    wr_init(&w, DNS_STORED_MAX);
    write_key(&w, key);
    enum ech_status status = wr_finish(&w);
    if (status == ECH_OK) {
        status = digest_of(wr_view(&w), digest);
    }
    wr_free(&w);
    return status;
}

/* ---- reading ---- */

/* *same: it is this key. */
static bool read_key(struct reader *r, const struct dns_cache_key *key, bool *same)
{
    uint64_t network;
    struct reader resolver_id;
    struct dns_question question;
    if (!read_u64(r, &network) || !rd_vec16(r, &resolver_id) ||
        dns_name_read(r, &question.qname) != ECH_OK || !rd_u16(r, &question.type)) {
        return false;
    }
    *same = network == key->network && dns_question_equal(&question, key->question) &&
            bytes_equal(rd_rest(&resolver_id), text(key->resolver_id));
    return true;
}

static bool read_reason(struct reader *r, enum dns_reason *reason)
{
    struct reader word;
    if (!rd_vec8(r, &word)) {
        return false;
    }
    for (enum dns_reason known = DNS_REASON_OK; known <= DNS_REASON_NO_RANDOM; known++) {
        if (bytes_equal(rd_rest(&word), text(dns_reason_name(known)))) {
            *reason = known;
            return true;
        }
    }
    return false;
}

static bool is_alpn(struct bytes list)
{
    struct reader r = rd_of(list);
    struct reader id;
    while (!rd_done(&r)) {
        if (!rd_vec8(&r, &id) || rd_done(&id)) {
            return false;
        }
    }
    return true;
}

static bool read_octets(struct reader *r, struct bytes *octets)
{
    struct reader child;
    if (!rd_vec16(r, &child)) {
        return false;
    }
    *octets = rd_done(&child) ? bytes_of(NULL, 0) : rd_rest(&child);
    return true;
}

static bool read_endpoint(struct reader *r, struct dns_endpoint *endpoint)
{
    struct dns_name target;
    uint8_t flags;
    if (dns_name_read(r, &target) != ECH_OK || !dns_name_to_host(&target, endpoint->target) ||
        !rd_u8(r, &flags) || flags > (TARGET_IS_OWNER | NO_DEFAULT_ALPN) ||
        !rd_u16(r, &endpoint->port) || !rd_u16(r, &endpoint->priority) ||
        !read_octets(r, &endpoint->alpn) || !read_octets(r, &endpoint->ech_config_list) ||
        !read_octets(r, &endpoint->ipv4hint) || !read_octets(r, &endpoint->ipv6hint)) {
        return false;
    }
    endpoint->target_is_owner = (flags & TARGET_IS_OWNER) != 0;
    endpoint->no_default_alpn = (flags & NO_DEFAULT_ALPN) != 0;
    return is_alpn(endpoint->alpn) && endpoint->ipv4hint.len % 4 == 0 &&
           endpoint->ipv6hint.len % 16 == 0 &&
           (endpoint->ech_config_list.len == 0 ||
            ech_config_list_check(endpoint->ech_config_list) == ECH_OK);
}

/* The answer owns a copy of the octets, and its endpoints point into it. */
static enum ech_status read_endpoints(struct bytes octets, size_t count,
                                      struct dns_endpoints *answer)
{
    answer->endpoints = calloc(count + 1, sizeof *answer->endpoints);
    answer->octets = malloc(octets.len + 1);
    if (answer->endpoints == NULL || answer->octets == NULL) {
        return ECH_ERR_NOMEM;
    }
    if (octets.len > 0) {
        memcpy(answer->octets, octets.data, octets.len);
    }
    answer->size += octets.len + (count + 1) * sizeof *answer->endpoints;
    struct reader r = rd_of(bytes_of(answer->octets, octets.len));
    for (size_t i = 0; i < count; i++) {
        struct dns_endpoint *endpoint = &answer->endpoints[i];
        if (!read_endpoint(&r, endpoint) ||
            (answer->all_have_ech && endpoint->ech_config_list.len == 0)) {
            return ECH_ERR_DECODE;
        }
        answer->count++;
    }
    return rd_done(&r) ? ECH_OK : ECH_ERR_DECODE;
}

static enum ech_status read_answer(struct reader *r, struct dns_endpoints **out)
{
    uint8_t result;
    enum dns_reason reason;
    uint8_t flags;
    uint16_t count;
    if (!rd_u8(r, &result) || (result != RESULT_FOUND && result != RESULT_NONE) ||
        !read_reason(r, &reason) || !rd_u8(r, &flags) || flags > (ALL_HAVE_ECH | ALIAS_FOLLOWED) ||
        !rd_u16(r, &count)) {
        return ECH_ERR_DECODE;
    }
    bool found = result == RESULT_FOUND;
    if (found != (reason == DNS_REASON_OK) || count > ENDPOINTS_MAX || (!found && count > 0)) {
        return ECH_ERR_DECODE;
    }
    struct dns_endpoints *answer = dns_answer_new(found ? DNS_FOUND : DNS_NONE, reason);
    if (answer == NULL) {
        return ECH_ERR_NOMEM;
    }
    answer->all_have_ech = (flags & ALL_HAVE_ECH) != 0;
    answer->alias_followed = (flags & ALIAS_FOLLOWED) != 0;
    enum ech_status status = read_endpoints(rd_rest(r), count, answer);
    if (status != ECH_OK) {
        dns_endpoints_free(answer);
        return status;
    }
    *out = answer;
    return ECH_OK;
}

/* Reads everything after the digest was found right. */
static enum ech_status read_whole(struct reader *r, const struct dns_cache_key *key,
                                  struct dns_stored *stored)
{
    struct bytes start;
    uint16_t version;
    bool same;
    if (!rd_bytes(r, sizeof magic, &start) || !bytes_equal(start, bytes_of(magic, sizeof magic)) ||
        !rd_u16(r, &version)) {
        return ECH_ERR_DECODE;
    }
    if (version != DNS_STORED_VERSION) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (!read_u64(r, &stored->stored_s) || !read_u64(r, &stored->expires_s) ||
        stored->expires_s <= stored->stored_s ||
        stored->expires_s - stored->stored_s > UINT32_MAX || !read_key(r, key, &same)) {
        return ECH_ERR_DECODE;
    }
    enum ech_status status = same ? read_answer(r, &stored->answer) : ECH_OK;
    if (stored->answer != NULL) {
        stored->answer->ttl = (uint32_t)(stored->expires_s - stored->stored_s);
    }
    return status;
}

enum ech_status dns_stored_parse(struct bytes octets, const struct dns_cache_key *key,
                                 struct dns_stored *stored)
{
    *stored = (struct dns_stored){.answer = NULL};
    struct reader r = rd_of(octets);
    struct bytes body;
    uint8_t digest[DNS_STORED_DIGEST];
    if (octets.len > DNS_STORED_MAX || octets.len < sizeof digest ||
        !rd_bytes(&r, octets.len - sizeof digest, &body)) {
        return ECH_ERR_DECODE;
    }
    enum ech_status status = digest_of(body, digest);
    if (status != ECH_OK) {
        return status;
    }
    if (!bytes_equal(rd_rest(&r), bytes_of(digest, sizeof digest))) {
        return ECH_ERR_DECODE;
    }
    r = rd_of(body);
    return read_whole(&r, key, stored);
}
