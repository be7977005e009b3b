/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolution.h"

#include <stdlib.h>
#include <string.h>

#include "dns/standing.h"
#include "dns/svcb_select.h"

enum { ADDITIONAL_MAX = 8 }; /* endpoints to look for addresses in the answer for */

/* ---- what an answer means ---- */

static void lower_ttl(struct dns_resolution *r, uint32_t ttl)
{
    r->ttl = ttl < r->ttl ? ttl : r->ttl;
}

/* Goes on at another name; false if the limit of names is reached. */
static bool hop(struct dns_resolution *r, const struct dns_name *to)
{
    r->question.qname = *to;
    return r->hops++ < DNS_ALIAS_MAX;
}

static struct dns_endpoints *end(const struct dns_resolution *r, enum dns_result result,
                                 enum dns_reason reason)
{
    struct dns_endpoints *answer = dns_answer_new(result, reason);
    if (answer != NULL) {
        answer->ttl = result == DNS_FAILED ? 0 : r->ttl;
        answer->alias_followed = r->alias_followed;
    }
    return answer;
}

static struct dns_endpoints *end_found(const struct dns_resolution *r,
                                       const struct https_rr *records, size_t count)
{
    const struct dns_answer_origin origin = {.owner = &r->question.qname,
                                             .port = r->port,
                                             .alias_followed = r->alias_followed,
                                             .shuffle = r->shuffle};
    struct dns_endpoints *answer = dns_answer_from_records(records, count, &origin);
    if (answer != NULL) {
        answer->ttl = r->ttl;
    }
    return answer;
}

/*
 * The final QNAME has nothing that can be used. After an alias its target is an endpoint all the
 * same (RFC 9460, 3: whether or not SVCB resolution was successful).
 */
static struct dns_endpoints *end_none(const struct dns_resolution *r, enum dns_reason reason)
{
    if (r->alias_followed) {
        struct dns_endpoints *answer = end_found(r, NULL, 0);
        if (answer == NULL || answer->count > 0) {
            return answer;
        }
        dns_endpoints_free(answer);
    }
    return end(r, DNS_NONE, reason);
}

/* No records in the answer. *again: the CNAMEs led to a name about which the answer says nothing,
 * so ask there. */
static struct dns_endpoints *judge_empty(struct dns_resolution *r, const struct dns_answer *seen,
                                         bool *again)
{
    if (seen->rcode == DNS_RCODE_NOERROR && seen->cnames > 0 && !seen->has_soa) {
        *again = hop(r, &seen->owner);
        return *again ? NULL : end(r, DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    }
    r->question.qname = seen->owner;
    lower_ttl(r, seen->has_soa ? seen->negative_ttl : 0);
    return end_none(r, seen->rcode == DNS_RCODE_NXDOMAIN ? DNS_REASON_NXDOMAIN : DNS_REASON_NODATA);
}

/* Addresses of the first endpoints, where the answer has them (RFC 9460, 5.2). */
struct additional {
    uint8_t octets[ADDITIONAL_MAX][2][16 * DNS_RDATA_MAX];
};

static struct bytes join(uint8_t *octets, const struct dns_answer *answer)
{
    size_t len = 0;
    for (size_t i = 0; i < answer->rdata_count; i++) {
        memcpy(octets + len, answer->rdata[i].data, answer->rdata[i].len);
        len += answer->rdata[i].len;
    }
    return bytes_of(octets, len);
}

/* RFC 9460, 7.3: a client that has A and AAAA of the TargetName ignores the hints. */
static void replace_hints(struct dns_resolution *r, struct https_rr *endpoint,
                          uint8_t octets[2][16 * DNS_RDATA_MAX])
{
    const struct dns_answer *seen = &r->asking.x->answer;
    for (size_t i = 0; i < 2; i++) {
        struct dns_answer found;
        struct dns_question question = {
            .qname = dns_name_is_root(&endpoint->target) ? r->question.qname : endpoint->target,
            .type = i == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA};
        if (dns_answer_includes(seen, &question, &found) == ECH_OK && found.rdata_count > 0) {
            *(i == 0 ? &endpoint->ipv4hint : &endpoint->ipv6hint) = join(octets[i], &found);
            lower_ttl(r, found.ttl);
        }
    }
}

static struct dns_endpoints *judge_endpoints(struct dns_resolution *r,
                                             const struct svcb_choice *choice)
{
    struct additional *additional = NULL;
    if (r->asking.x->answer.has_additional) {
        /* If there is no memory, the hints stay. */
        additional = malloc(sizeof *additional);
    }
    for (size_t i = 0; i < choice->count && i < ADDITIONAL_MAX && additional != NULL; i++) {
        replace_hints(r, &choice->endpoints[i], additional->octets[i]);
    }
    struct dns_endpoints *answer = end_found(r, choice->endpoints, choice->count);
    free(additional);
    return answer;
}

static struct dns_endpoints *judge_choice(struct dns_resolution *r,
                                          const struct svcb_choice *choice, bool *again)
{
    switch (choice->kind) {
    case SVCB_CHOICE_ENDPOINTS:
        return judge_endpoints(r, choice);
    case SVCB_CHOICE_ALIAS:
        r->alias_followed = true;
        *again = hop(r, &choice->alias);
        /* RFC 9460, 3.1: past the limit everything is as if there were no record. So the alias's
         * target is no endpoint either. */
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

static struct dns_endpoints *judge_https(struct dns_resolution *r, const struct dns_answer *seen,
                                         bool *again)
{
    uint32_t random[DNS_RDATA_MAX];
    const struct dns_io *io = r->source->lookup.io;
    if (!io->random(random, seen->rdata_count * sizeof random[0]) ||
        !io->random(&r->shuffle, sizeof r->shuffle)) {
        return end(r, DNS_FAILED, DNS_REASON_NO_RANDOM);
    }
    struct svcb_choice choice;
    struct dns_endpoints *answer = NULL;
    if (svcb_select(seen->rdata, seen->rdata_count, random, &choice) == ECH_OK) {
        answer = judge_choice(r, &choice, again);
    } else {
        answer = end(r, DNS_FAILED, DNS_REASON_NO_MEMORY);
    }
    svcb_choice_free(&choice);
    return answer;
}

/* The endpoint is the owner. The system's interfaces may not accept its name. */
static struct dns_endpoints *judge_addresses(struct dns_resolution *r,
                                             const struct dns_answer *seen)
{
    uint8_t octets[16 * DNS_RDATA_MAX];
    struct https_rr host = {.target = seen->owner};
    *(r->question.type == DNS_TYPE_A ? &host.ipv4hint : &host.ipv6hint) = join(octets, seen);
    struct dns_endpoints *answer = end_found(r, &host, 1);
    if (answer == NULL || answer->count > 0) {
        return answer;
    }
    dns_endpoints_free(answer);
    return end(r, DNS_NONE, DNS_REASON_MALFORMED_RECORD);
}

/* Judges an answer. *again: the question has changed and must be asked. NULL otherwise: no memory.
 */
static struct dns_endpoints *judge_one(struct dns_resolution *r, bool *again)
{
    const struct dns_answer *seen = &r->asking.x->answer;
    if (seen->cnames > 0 || seen->rdata_count > 0) {
        lower_ttl(r, seen->ttl);
    }
    if (seen->cname_loop) {
        return end(r, DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    }
    if (seen->rdata_count == 0) {
        return judge_empty(r, seen, again);
    }
    r->question.qname = seen->owner;
    return r->question.type == DNS_TYPE_HTTPS ? judge_https(r, seen, again)
                                              : judge_addresses(r, seen);
}

/* RFC 9460, 5.2: does the same message also answer the question that it led to? */
static bool is_included(struct dns_resolution *r)
{
    struct dns_answer *seen = &r->asking.x->answer;
    return dns_answer_includes(seen, &r->question, seen) == ECH_OK && seen->rdata_count > 0;
}

/* *again: the question must be asked. */
static struct dns_endpoints *judge(struct dns_resolution *r, bool *again)
{
    struct dns_endpoints *answer = NULL;
    do {
        *again = false;
        answer = judge_one(r, again);
    } while (*again && is_included(r));
    return answer;
}

/* ---- asking the resolver ---- */

static void ask(struct dns_resolution *r, uint64_t deadline_us)
{
    dns_asking_begin(&r->asking, &r->source->lookup, &r->source->servers, &r->question,
                     deadline_us);
    r->is_asking = true;
    if (r->hurried) {
        dns_asking_hurry(&r->asking);
    }
}

static void stop_asking(struct dns_resolution *r)
{
    if (r->is_asking) {
        dns_asking_end(&r->asking);
        r->is_asking = false;
    }
}

/* It is over. */
static void settle(struct dns_resolution *r, struct dns_endpoints *answer)
{
    const struct dns_lookup *lookup = &r->source->lookup;
    stop_asking(r);
    if (answer == NULL) {
        r->answer = r->no_memory;
        r->no_memory = NULL;
        return;
    }
    r->answer = answer;
    if (lookup->cache != NULL) {
        const char *id = r->answered_by != NULL ? r->answered_by : r->source->ids[0];
        dns_cache_put(lookup->cache, id, &r->asked, answer, lookup->io->now_us());
    }
}

static void tell(const struct dns_resolution *r, enum dns_reason reason)
{
    const struct dns_lookup_observer *observer = r->source->lookup.observer;
    if (observer != NULL) {
        observer->saw(observer->context, &r->question, reason,
                      reason == DNS_REASON_OK ? &r->asking.x->answer : NULL);
    }
}

/* Silence, or a network that is down, says nothing about the resolver. */
static bool is_its_word(enum dns_reason reason)
{
    return reason != DNS_REASON_TIMEOUT && reason != DNS_REASON_NETWORK &&
           reason != DNS_REASON_NO_MEMORY && reason != DNS_REASON_NO_RANDOM;
}

static void note_answer(const struct dns_resolution *r, enum dns_reason reason)
{
    const struct dns_lookup *lookup = &r->source->lookup;
    if (lookup->health != NULL && lookup->channels.count == 0 &&
        r->question.type == DNS_TYPE_HTTPS && is_its_word(reason)) {
        uint64_t network =
            lookup->cache != NULL ? dns_cache_network(lookup->cache, lookup->io->now_us()) : 0;
        dns_health_note_answer(lookup->health, r->source->resolver, network);
    }
}

/* Does what can be done without waiting. */
static void go_on(struct dns_resolution *r, uint64_t deadline_us)
{
    bool again = true;
    while (again) {
        bool pending = false;
        again = false;
        enum dns_reason reason = dns_asking_drive(&r->asking, deadline_us, &pending);
        if (pending) {
            return;
        }
        r->answered_by = reason == DNS_REASON_OK ? dns_asking_answered_by(&r->asking) : NULL;
        tell(r, reason);
        note_answer(r, reason);
        struct dns_endpoints *answer =
            reason == DNS_REASON_OK ? judge(r, &again) : end(r, DNS_FAILED, reason);
        if (again) {
            stop_asking(r);
            ask(r, deadline_us);
        } else {
            settle(r, answer);
        }
    }
}

/* The servers that are known to be down are asked last. The id of the list does not change. */
static void put_down_last(struct dns_resolution_source *source)
{
    const struct dns_servers servers = source->servers;
    bool down[DNS_SERVER_MAX];
    size_t used = 0;
    for (size_t i = 0; i < servers.count; i++) {
        char id[DNS_SERVER_ID];
        dns_server_id(&servers.server[i], id);
        down[i] = dns_standing_is_down(&source->lookup, id);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < servers.count; i++) {
            if (down[i] == (round == 1)) {
                source->servers.server[used++] = servers.server[i];
            }
        }
    }
}

typedef void servers_function(const struct dns_resolver *resolver, const char *resolv_conf,
                              struct dns_servers *servers, char id[DNS_RESOLVER_ID]);

static void make_source(struct dns_resolution_source *source, const struct dns_lookup *lookup,
                        servers_function *servers_of)
{
    source->lookup = *lookup;
    servers_of(lookup->resolver, dns_resolv_conf_of(lookup), &source->servers, source->resolver);
    source->id_count = lookup->channels.count;
    for (size_t i = 0; i < source->id_count; i++) {
        source->ids[i] = lookup->resolver->secure[i].id;
    }
    if (source->id_count == 0) {
        source->ids[source->id_count++] = source->resolver;
    }
    if (lookup->resolver->kind == DNS_RESOLVER_FIXED && source->servers.count > 1) {
        put_down_last(source);
    }
}

void dns_resolution_source_make(struct dns_resolution_source *source,
                                const struct dns_lookup *lookup)
{
    make_source(source, lookup, dns_resolver_servers);
}

bool dns_resolution_had_records(const struct dns_resolution *r)
{
    const struct dns_lookup *lookup = &r->source->lookup;
    bool had = false;
    for (size_t i = 0; i < r->source->id_count && lookup->cache != NULL && !had; i++) {
        had = dns_cache_had_records(lookup->cache, r->source->ids[i], &r->asked,
                                    lookup->io->now_us());
    }
    return had;
}

static void look_in_cache(struct dns_resolution *r)
{
    const struct dns_lookup *lookup = &r->source->lookup;
    for (size_t i = 0; i < r->source->id_count && r->answer == NULL; i++) {
        r->answer =
            dns_cache_get(lookup->cache, r->source->ids[i], &r->asked, lookup->io->now_us());
        r->answered_by = r->answer != NULL && lookup->channels.count > 0 ? r->source->ids[i] : NULL;
    }
    r->cached = r->answer != NULL;
}

struct dns_endpoints *dns_resolution_cached(const struct dns_lookup *lookup,
                                            const struct dns_question *question,
                                            char resolver[DNS_RESOLVER_ID])
{
    struct dns_resolution_source source;
    struct dns_resolution r = {.source = &source, .asked = *question};
    if (lookup->cache == NULL) {
        return NULL;
    }
    make_source(&source, lookup, dns_resolver_recent_servers);
    look_in_cache(&r);
    const char *id = r.answered_by != NULL ? r.answered_by : source.resolver;
    dns_resolver_id_copy(resolver, id);
    return r.answer;
}

bool dns_resolution_begin(struct dns_resolution *resolution,
                          const struct dns_resolution_source *source,
                          const struct dns_question *question, uint16_t port, uint64_t deadline_us)
{
    const struct dns_lookup *lookup = &source->lookup;
    *resolution = (struct dns_resolution){.source = source,
                                          .asked = *question,
                                          .question = *question,
                                          .port = port,
                                          .hurried = lookup->hurried,
                                          .ttl = UINT32_MAX};
    if (lookup->cache != NULL) {
        look_in_cache(resolution);
    }
    if (resolution->cached) {
        return true;
    }
    resolution->no_memory = dns_answer_new(DNS_FAILED, DNS_REASON_NO_MEMORY);
    if (resolution->no_memory == NULL) {
        return false;
    }
    ask(resolution, deadline_us);
    return true;
}

/* Goes on with all, and lists those that still wait for an answer. */
static size_t go_on_all(struct dns_resolution *const *resolutions, size_t count,
                        uint64_t deadline_us, struct dns_asking **pending)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct dns_resolution *r = resolutions[i];
        if (r != NULL && r->is_asking) {
            go_on(r, deadline_us);
            if (r->is_asking) {
                pending[used++] = &r->asking;
            }
        }
    }
    return used;
}

/* Goes on until at most `left` have no answer. */
static bool run(struct dns_resolution *const *resolutions, size_t count, size_t left,
                uint64_t until_us, uint64_t deadline_us)
{
    struct dns_asking *pending[DNS_ASKING_MAX];
    size_t used;
    until_us = until_us < deadline_us ? until_us : deadline_us;
    while ((used = go_on_all(resolutions, count, deadline_us, pending)) > left) {
        uint64_t now = pending[0]->io->now_us();
        if (now >= until_us && now < deadline_us) {
            return false;
        }
        if (!dns_asking_wait(pending, used, until_us)) {
            deadline_us = now;
        }
    }
    return used == 0;
}

bool dns_resolution_run(struct dns_resolution *const *resolutions, size_t count, uint64_t until_us,
                        uint64_t deadline_us)
{
    return run(resolutions, count, 0, until_us, deadline_us);
}

bool dns_resolution_run_to_next(struct dns_resolution *const *resolutions, size_t count,
                                uint64_t deadline_us)
{
    struct dns_asking *pending[DNS_ASKING_MAX];
    size_t used = go_on_all(resolutions, count, deadline_us, pending);
    return used == 0 || run(resolutions, count, used - 1, deadline_us, deadline_us);
}

void dns_resolution_hurry(struct dns_resolution *resolution)
{
    resolution->hurried = true;
    if (resolution->is_asking) {
        dns_asking_hurry(&resolution->asking);
    }
}

struct dns_endpoints *dns_resolution_take(struct dns_resolution *resolution)
{
    struct dns_endpoints *answer = resolution->answer;
    resolution->answer = NULL;
    return answer;
}

void dns_resolution_end(struct dns_resolution *resolution)
{
    stop_asking(resolution);
    dns_endpoints_free(resolution->answer);
    dns_endpoints_free(resolution->no_memory);
}
