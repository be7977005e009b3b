/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/lookup.h"

#include <errno.h>
#include <stdlib.h>

#include "dns/message.h"
#include "dns/svcb_select.h"
#include "dns/transport_plain.h"

/* One resolution on its way from the origin to the final QNAME. */
struct resolution {
    const struct dns_lookup *lookup;
    const struct dns_servers *servers;
    uint64_t deadline_us;
    uint16_t port;
    struct dns_name qname;
    unsigned hops;
    bool alias_followed;
    uint32_t ttl; /* least of all that was seen */
    struct dns_exchange *x;
};

static void lower_ttl(struct resolution *r, uint32_t ttl)
{
    r->ttl = ttl < r->ttl ? ttl : r->ttl;
}

/* Goes on at another name; false if that is one too many. */
static bool hop(struct resolution *r, const struct dns_name *to)
{
    r->qname = *to;
    return r->hops++ < DNS_ALIAS_MAX;
}

static struct dns_https_answer *end(const struct resolution *r, enum dns_result result,
                                    enum dns_reason reason)
{
    struct dns_https_answer *answer = dns_answer_new(result, reason);
    if (answer != NULL) {
        answer->ttl = result == DNS_FAILED ? 0 : r->ttl;
        answer->alias_followed = r->alias_followed;
    }
    return answer;
}

static struct dns_https_answer *end_found(const struct resolution *r,
                                          const struct https_rr *records, size_t count)
{
    const struct dns_answer_origin origin = {
        .owner = &r->qname, .port = r->port, .alias_followed = r->alias_followed};
    struct dns_https_answer *answer = dns_answer_from_records(records, count, &origin);
    if (answer != NULL) {
        answer->ttl = r->ttl;
    }
    return answer;
}

/*
 * Nothing to be used at the final QNAME. RFC 9460, 3: whether SVCB resolution was successful or
 * not, after an alias its target is an endpoint.
 */
static struct dns_https_answer *end_none(const struct resolution *r, enum dns_reason reason)
{
    if (r->alias_followed) {
        struct dns_https_answer *answer = end_found(r, NULL, 0);
        if (answer == NULL || answer->count > 0) {
            return answer;
        }
        dns_https_answer_free(answer);
    }
    return end(r, DNS_NONE, reason);
}

/* No records in the answer. *again: the CNAMEs led to a name about which the answer says nothing,
 * so ask there. */
static struct dns_https_answer *judge_empty(struct resolution *r, const struct dns_answer *seen,
                                            bool *again)
{
    if (seen->rcode == DNS_RCODE_NOERROR && seen->cnames > 0 && !seen->has_soa) {
        *again = hop(r, &seen->owner);
        return *again ? NULL : end(r, DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    }
    r->qname = seen->owner;
    lower_ttl(r, seen->has_soa ? seen->negative_ttl : 0);
    return end_none(r, seen->rcode == DNS_RCODE_NXDOMAIN ? DNS_REASON_NXDOMAIN : DNS_REASON_NODATA);
}

static struct dns_https_answer *judge_choice(struct resolution *r, const struct svcb_choice *choice,
                                             bool *again)
{
    switch (choice->kind) {
    case SVCB_CHOICE_ENDPOINTS:
        return end_found(r, choice->endpoints, choice->count);
    case SVCB_CHOICE_ALIAS:
        r->alias_followed = true;
        *again = hop(r, &choice->alias);
        /* RFC 9460, 3.1: past the limit it is as if there were no record, so the alias's target is
         * no endpoint either. */
        return *again ? NULL : end(r, DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    case SVCB_CHOICE_NO_SERVICE:
        return end(r, DNS_NONE, DNS_REASON_NO_SERVICE);
    case SVCB_CHOICE_INCOMPATIBLE:
        return end_none(r, DNS_REASON_INCOMPATIBLE);
    case SVCB_CHOICE_MALFORMED:
        break;
    }
    /* RFC 9460, 2.2: reject the whole RRset and fall back to non-SVCB connection establishment. */
    return end(r, DNS_NONE, DNS_REASON_MALFORMED_RECORD);
}

static struct dns_https_answer *judge(struct resolution *r, bool *again)
{
    const struct dns_answer *seen = &r->x->answer;
    if (seen->cnames > 0 || seen->https_count > 0) {
        lower_ttl(r, seen->ttl);
    }
    if (seen->cname_loop) {
        return end(r, DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    }
    if (seen->https_count == 0) {
        return judge_empty(r, seen, again);
    }
    uint32_t random[DNS_HTTPS_MAX];
    if (!r->lookup->io->random(random, sizeof random)) {
        return end(r, DNS_FAILED, DNS_REASON_NO_RANDOM);
    }
    r->qname = seen->owner;
    struct svcb_choice choice;
    struct dns_https_answer *answer = NULL;
    if (svcb_select(seen->https, seen->https_count, random, &choice) == ECH_OK) {
        answer = judge_choice(r, &choice, again);
    } else {
        answer = end(r, DNS_FAILED, DNS_REASON_NO_MEMORY);
    }
    svcb_choice_free(&choice);
    return answer;
}

static struct dns_https_answer *resolve(struct resolution *r)
{
    struct dns_https_answer *answer = NULL;
    bool again = true;
    while (again) {
        again = false;
        enum dns_reason reason =
            dns_plain_query(r->lookup->io, r->servers, &r->qname, r->deadline_us, r->x);
        answer = reason == DNS_REASON_OK ? judge(r, &again) : end(r, DNS_FAILED, reason);
    }
    return answer;
}

static struct dns_https_answer *ask(const struct dns_lookup *lookup,
                                    const struct dns_servers *servers, const struct dns_name *qname,
                                    uint16_t port, uint64_t start_us)
{
    struct resolution r = {
        .lookup = lookup,
        .servers = servers,
        .deadline_us = start_us + lookup->timeout_us,
        .port = port,
        .qname = *qname,
        .ttl = UINT32_MAX,
        .x = malloc(sizeof *r.x),
    };
    struct dns_https_answer *answer = r.x == NULL ? NULL : resolve(&r);
    free(r.x);
    return answer;
}

static struct dns_https_answer *cached_or_asked(const struct dns_lookup *lookup,
                                                const struct dns_name *qname, uint16_t port,
                                                uint64_t start_us, struct dns_lookup_report *report)
{
    struct dns_servers servers;
    dns_resolver_servers(lookup->resolver,
                         lookup->resolv_conf != NULL ? lookup->resolv_conf : "/etc/resolv.conf",
                         &servers);
    dns_servers_id(&servers, report->resolver);
    struct dns_https_answer *answer = NULL;
    if (lookup->cache != NULL) {
        answer = dns_cache_get(lookup->cache, report->resolver, qname, start_us);
        report->cached = answer != NULL;
    }
    if (answer == NULL) {
        answer = ask(lookup, &servers, qname, port, start_us);
        if (answer != NULL && lookup->cache != NULL) {
            dns_cache_put(lookup->cache, report->resolver, qname, answer, lookup->io->now_us());
        }
    }
    return answer;
}

struct dns_https_answer *dns_lookup_https(const struct dns_lookup *lookup, const char *host,
                                          uint16_t port, struct dns_lookup_report *report)
{
    int saved = errno;
    struct dns_lookup_report mine = {0};
    uint64_t start_us = lookup->io->now_us();
    struct dns_name qname;
    struct dns_https_answer *answer;
    if (dns_name_of_origin(host, port, &qname) == ECH_OK) {
        answer = cached_or_asked(lookup, &qname, port, start_us, &mine);
    } else {
        answer = dns_answer_new(DNS_NONE, DNS_REASON_NO_QUERY);
    }
    mine.lookup_us = lookup->io->now_us() - start_us;
    if (report != NULL) {
        *report = mine;
    }
    errno = saved;
    return answer;
}
