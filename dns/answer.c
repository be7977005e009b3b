/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/answer.h"

#include <stdlib.h>
#include <string.h>

const char *dns_reason_name(enum dns_reason reason)
{
    switch (reason) {
    case DNS_REASON_OK:
        return "ok";
    case DNS_REASON_NODATA:
        return "nodata";
    case DNS_REASON_NXDOMAIN:
        return "nxdomain";
    case DNS_REASON_NO_SERVICE:
        return "no_service";
    case DNS_REASON_INCOMPATIBLE:
        return "incompatible";
    case DNS_REASON_MALFORMED_RECORD:
        return "malformed_record";
    case DNS_REASON_ALIAS_LIMIT:
        return "alias_limit";
    case DNS_REASON_NO_QUERY:
        return "no_query";
    case DNS_REASON_TIMEOUT:
        return "timeout";
    case DNS_REASON_SERVFAIL:
        return "servfail";
    case DNS_REASON_REFUSED:
        return "refused";
    case DNS_REASON_FORMERR:
        return "formerr";
    case DNS_REASON_RCODE:
        return "rcode";
    case DNS_REASON_MALFORMED_ANSWER:
        return "malformed_answer";
    case DNS_REASON_NETWORK:
        return "network";
    case DNS_REASON_NO_MEMORY:
        return "no_memory";
    case DNS_REASON_NO_RANDOM:
        return "no_random";
    case DNS_REASON_RESOLVER_ADDRESS:
        return "resolver_address";
    case DNS_REASON_RESOLVER_CERTIFICATE:
        return "resolver_certificate";
    case DNS_REASON_RESOLVER_TLS:
        return "resolver_tls";
    case DNS_REASON_RESOLVER_ECH:
        return "resolver_ech";
    case DNS_REASON_RESOLVER_CLOSED:
        return "resolver_closed";
    case DNS_REASON_HTTP_STATUS:
        return "http_status";
    case DNS_REASON_HTTP_ANSWER:
        return "http_answer";
    }
    return "unknown";
}

struct dns_endpoints *dns_answer_new(enum dns_result result, enum dns_reason reason)
{
    struct dns_endpoints *answer = calloc(1, sizeof *answer);
    if (answer != NULL) {
        answer->result = result;
        answer->reason = reason;
        answer->size = sizeof *answer;
        atomic_init(&answer->references, 1);
    }
    return answer;
}

/* Copies into the answer's octets, which were made large enough. */
static struct bytes keep(uint8_t *octets, size_t *used, struct bytes from)
{
    if (from.len == 0) {
        return (struct bytes){0};
    }
    struct bytes copy = bytes_of(octets + *used, from.len);
    memcpy(octets + *used, from.data, from.len);
    *used += from.len;
    return copy;
}

/* xorshift64: enough to spread connections over addresses. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Copies addresses of that size in a random order (Fisher and Yates). */
static struct bytes keep_shuffled(uint8_t *octets, size_t *used, struct bytes from, size_t size,
                                  uint64_t *state)
{
    uint8_t *kept = octets + *used;
    struct bytes copy = keep(octets, used, from);
    for (size_t left = *state == 0 ? 0 : copy.len / size; left > 1; left--) {
        size_t at = (size_t)(next_random(state) % left);
        uint8_t swapped[16];
        memcpy(swapped, kept + at * size, size);
        memcpy(kept + at * size, kept + (left - 1) * size, size);
        memcpy(kept + (left - 1) * size, swapped, size);
    }
    return copy;
}

static size_t octets_of(const struct https_rr *records, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += records[i].alpn.len + records[i].ech.len + records[i].ipv4hint.len +
                 records[i].ipv6hint.len;
    }
    return total;
}

static bool all_have_ech(const struct https_rr *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].ech.len == 0) {
            return false;
        }
    }
    return count > 0;
}

/* Adds the endpoint of one record. Leaves it out if no resolver interface could take its name. */
static void add_record(struct dns_endpoints *answer, size_t *used, const struct https_rr *rr,
                       const struct dns_answer_origin *origin, uint64_t *shuffle)
{
    struct dns_endpoint *endpoint = &answer->endpoints[answer->count];
    const struct dns_name *target = dns_name_is_root(&rr->target) ? origin->owner : &rr->target;
    if (!dns_name_to_host(target, endpoint->target)) {
        return;
    }
    endpoint->target_is_owner = dns_name_is_root(&rr->target) && !origin->alias_followed;
    endpoint->port = rr->has_port ? rr->port : origin->port;
    endpoint->priority = rr->priority;
    endpoint->no_default_alpn = rr->no_default_alpn;
    endpoint->alpn = keep(answer->octets, used, rr->alpn);
    endpoint->ech_config_list = keep(answer->octets, used, rr->ech);
    endpoint->ipv4hint = keep_shuffled(answer->octets, used, rr->ipv4hint, 4, shuffle);
    endpoint->ipv6hint = keep_shuffled(answer->octets, used, rr->ipv6hint, 16, shuffle);
    answer->count++;
}

struct dns_endpoints *dns_answer_from_records(const struct https_rr *records, size_t count,
                                              const struct dns_answer_origin *origin)
{
    struct dns_endpoints *answer = dns_answer_new(DNS_FOUND, DNS_REASON_OK);
    if (answer == NULL) {
        return NULL;
    }
    size_t octets = octets_of(records, count);
    answer->endpoints = calloc(count + 1, sizeof *answer->endpoints);
    answer->octets = malloc(octets + 1);
    if (answer->endpoints == NULL || answer->octets == NULL) {
        dns_endpoints_free(answer);
        return NULL;
    }
    answer->size += octets + (count + 1) * sizeof *answer->endpoints;
    answer->all_have_ech = all_have_ech(records, count);
    answer->alias_followed = origin->alias_followed;
    size_t used = 0;
    uint64_t shuffle = origin->shuffle;
    for (size_t i = 0; i < count; i++) {
        add_record(answer, &used, &records[i], origin, &shuffle);
    }
    if (origin->alias_followed && !answer->all_have_ech) {
        static const struct https_rr no_parameters = {.target = {.len = 1}};
        add_record(answer, &used, &no_parameters, origin, &shuffle);
    }
    return answer;
}

struct dns_endpoints *dns_endpoints_hold(struct dns_endpoints *answer)
{
    atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
    return answer;
}

void dns_endpoints_free(struct dns_endpoints *answer)
{
    if (answer == NULL ||
        atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    free(answer->endpoints);
    free(answer->octets);
    free(answer);
}

uint32_t dns_endpoints_lifetime(const struct dns_endpoints *answer)
{
    uint32_t max = answer->result == DNS_FOUND ? DNS_CACHE_TTL_MAX : DNS_CACHE_NEGATIVE_TTL_MAX;
    uint32_t ttl = answer->ttl < DNS_CACHE_TTL_MIN ? DNS_CACHE_TTL_MIN : answer->ttl;
    return ttl > max ? max : ttl;
}
