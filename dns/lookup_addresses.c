/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/lookup.h"
#include "dns/resolution.h"

/* The two questions of one look-up; AAAA is first, as in the list. */
enum { AAAA, A, FAMILIES };

struct address_lookup {
    struct dns_resolution_source source;
    struct dns_resolution resolution[FAMILIES];
    struct dns_resolution *wanted[FAMILIES]; /* NULL: not asked */
    struct dns_endpoints *answer[FAMILIES];
};

static size_t size_of(size_t family)
{
    return family == A ? 4 : 16;
}

/* The addresses of an answer; empty if it has none or nothing was asked. */
static struct bytes octets_of(const struct address_lookup *l, size_t family)
{
    const struct dns_endpoints *answer = l->answer[family];
    if (answer == NULL || answer->result != DNS_FOUND || answer->count == 0) {
        return (struct bytes){0};
    }
    return family == A ? answer->endpoints[0].ipv4hint : answer->endpoints[0].ipv6hint;
}

/* Chooses among answers without addresses: a failure comes first, since there may be addresses
 * after all; then "there is no such name". */
static bool tells_more(const struct dns_endpoints *answer, const struct dns_addresses *than)
{
    if (answer->result != than->result) {
        return answer->result == DNS_FAILED;
    }
    return answer->reason == DNS_REASON_NXDOMAIN;
}

static void merge(struct dns_addresses *into, const struct address_lookup *l, size_t family)
{
    const struct dns_endpoints *answer = l->answer[family];
    struct reader r = rd_of(octets_of(l, family));
    if (rd_done(&r)) {
        if (into->count == 0 && (into->reason == DNS_REASON_OK || tells_more(answer, into))) {
            into->result = answer->result;
            into->reason = answer->reason;
            into->ttl = answer->ttl;
        }
        return;
    }
    into->ttl = into->count == 0 || answer->ttl < into->ttl ? answer->ttl : into->ttl;
    into->result = DNS_FOUND;
    into->reason = DNS_REASON_OK;
    memcpy(into->canonical, answer->endpoints[0].target, sizeof into->canonical);
    while (!rd_done(&r)) {
        struct dns_address *address = &into->list[into->count++];
        address->family = family == A ? AF_INET : AF_INET6;
        if (!rd_copy(&r, address->octets, size_of(family))) {
            into->count--;
            return;
        }
    }
}

static struct dns_addresses *addresses_new(size_t count)
{
    struct dns_addresses *addresses = calloc(1, sizeof *addresses);
    if (addresses == NULL) {
        return NULL;
    }
    addresses->list = calloc(count + 1, sizeof *addresses->list);
    if (addresses->list == NULL) {
        free(addresses);
        return NULL;
    }
    return addresses;
}

static bool is_silent(const struct dns_endpoints *answer)
{
    return answer != NULL && answer->result == DNS_FAILED && answer->reason == DNS_REASON_TIMEOUT;
}

static struct dns_addresses *merge_all(const struct address_lookup *l)
{
    size_t count = 0;
    for (size_t i = 0; i < FAMILIES; i++) {
        count += octets_of(l, i).len / size_of(i);
    }
    struct dns_addresses *addresses = addresses_new(count);
    for (size_t i = 0; i < FAMILIES && addresses != NULL; i++) {
        if (l->answer[i] != NULL) {
            merge(addresses, l, i);
        }
    }
    if (addresses != NULL) {
        addresses->answered = true;
        for (size_t i = 0; i < FAMILIES; i++) {
            addresses->answered = addresses->answered && !is_silent(l->answer[i]);
        }
    }
    return addresses;
}

/* How long a caller in a hurry waits for the second family once the first is there (RFC 8305, 3).
 */
enum { RESOLUTION_DELAY_US = 50000 };

static bool has_addresses(const struct dns_resolution *resolution)
{
    return resolution != NULL && resolution->answer != NULL &&
           resolution->answer->result == DNS_FOUND;
}

/* Waits for both answers. A caller in a hurry waits only a moment for the second. */
static void run(struct address_lookup *l, uint64_t deadline_us)
{
    const struct dns_lookup *lookup = &l->source.lookup;
    bool all = false;
    while (lookup->hurried && !all && !has_addresses(l->wanted[A]) &&
           !has_addresses(l->wanted[AAAA])) {
        all = dns_resolution_run_to_next(l->wanted, FAMILIES, deadline_us);
    }
    uint64_t delay_us = lookup->io->now_us() + RESOLUTION_DELAY_US;
    deadline_us = lookup->hurried && delay_us < deadline_us ? delay_us : deadline_us;
    (void)!dns_resolution_run(l->wanted, FAMILIES, deadline_us, deadline_us);
}

/* Asks for both families and fills in answer[]. False: no memory. */
static bool resolve(struct address_lookup *l, const struct dns_name *qname, const bool *wanted,
                    uint64_t deadline_us)
{
    bool begun = true;
    for (size_t i = 0; i < FAMILIES && begun; i++) {
        struct dns_question question = {.qname = *qname,
                                        .type = i == A ? DNS_TYPE_A : DNS_TYPE_AAAA};
        if (wanted[i]) {
            begun = dns_resolution_begin(&l->resolution[i], &l->source, &question, 0, deadline_us);
            l->wanted[i] = begun ? &l->resolution[i] : NULL;
        }
    }
    if (begun) {
        run(l, deadline_us);
    }
    for (size_t i = 0; i < FAMILIES; i++) {
        if (l->wanted[i] != NULL) {
            l->answer[i] = dns_resolution_take(l->wanted[i]);
            dns_resolution_end(l->wanted[i]);
        }
    }
    return begun;
}

/* ---- names that get no addresses ---- */

static uint64_t network_of(const struct dns_lookup *lookup)
{
    return lookup->cache != NULL ? dns_cache_network(lookup->cache, lookup->io->now_us()) : 0;
}

static bool was_silent(const struct dns_resolution_source *source, const struct dns_name *qname)
{
    const struct dns_lookup *lookup = &source->lookup;
    return lookup->health != NULL && lookup->channels.count == 0 &&
           dns_health_is_silent(lookup->health, source->resolver, network_of(lookup), qname,
                                lookup->io->now_us());
}

static void note_addresses(const struct dns_resolution_source *source, const struct dns_name *qname,
                           bool answered)
{
    const struct dns_lookup *lookup = &source->lookup;
    if (lookup->health != NULL && lookup->channels.count == 0) {
        dns_health_note_addresses(lookup->health, source->resolver, network_of(lookup), qname,
                                  answered, lookup->io->now_us());
    }
}

/* A caller in a hurry does not wait again for a name that was silent a while ago. */
static uint64_t bound_of(const struct dns_resolution_source *source, const struct dns_name *qname)
{
    uint64_t timeout_us = source->lookup.timeout_us;
    bool short_one =
        source->lookup.hurried && timeout_us > DNS_HEALTH_WAIT_US && was_silent(source, qname);
    return short_one ? DNS_HEALTH_WAIT_US : timeout_us;
}

static struct dns_addresses *look_up(const struct dns_lookup *lookup, const struct dns_name *qname,
                                     const bool *wanted, struct dns_lookup_report *report)
{
    struct address_lookup *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    uint64_t start_us = lookup->io->now_us();
    dns_resolution_source_make(&l->source, lookup);
    memcpy(report->resolver, l->source.resolver, sizeof report->resolver);
    struct dns_addresses *addresses = NULL;
    if (resolve(l, qname, wanted, start_us + bound_of(&l->source, qname))) {
        addresses = merge_all(l);
    }
    if (addresses != NULL) {
        note_addresses(&l->source, qname, addresses->answered);
    }
    report->cached = true;
    for (size_t i = 0; i < FAMILIES; i++) {
        report->cached = report->cached && (l->wanted[i] == NULL || l->wanted[i]->cached);
        dns_endpoints_free(l->answer[i]);
    }
    free(l);
    return addresses;
}

struct dns_addresses *dns_lookup_addresses(const struct dns_lookup *lookup, const char *host,
                                           bool ipv4, bool ipv6, struct dns_lookup_report *report)
{
    int saved = errno;
    const bool wanted[FAMILIES] = {[A] = ipv4, [AAAA] = ipv6};
    struct dns_lookup_report mine = {0};
    uint64_t start_us = lookup->io->now_us();
    struct dns_name qname;
    struct dns_addresses *addresses;
    if ((ipv4 || ipv6) && dns_name_of_host(host, &qname) == ECH_OK) {
        addresses = look_up(lookup, &qname, wanted, &mine);
    } else if ((addresses = addresses_new(0)) != NULL) {
        addresses->result = DNS_NONE;
        addresses->reason = DNS_REASON_NO_QUERY;
    }
    mine.lookup_us = lookup->io->now_us() - start_us;
    if (report != NULL) {
        *report = mine;
    }
    errno = saved;
    return addresses;
}

bool dns_addresses_come(const struct dns_lookup *lookup, const char *host)
{
    int saved = errno;
    struct dns_resolution_source source;
    struct dns_name qname;
    bool come = false;
    if (lookup->channels.count > 0) {
        return true;
    }
    dns_resolution_source_make(&source, lookup);
    if (dns_name_of_host(host, &qname) == ECH_OK && !was_silent(&source, &qname)) {
        struct dns_lookup moment = *lookup;
        moment.hurried = true;
        moment.timeout_us =
            lookup->timeout_us < DNS_HEALTH_WAIT_US ? lookup->timeout_us : DNS_HEALTH_WAIT_US;
        struct dns_addresses *addresses = dns_lookup_addresses(&moment, host, true, true, NULL);
        come = addresses != NULL && addresses->answered;
        dns_addresses_free(addresses);
    }
    errno = saved;
    return come;
}

void dns_addresses_free(struct dns_addresses *addresses)
{
    if (addresses != NULL) {
        free(addresses->list);
        free(addresses);
    }
}
