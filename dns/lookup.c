/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/resolution.h"

/* ---- HTTPS records ---- */

struct dns_https_pending {
    struct dns_resolution_source source;
    struct dns_resolution resolution;
    uint64_t left_us;  /* what is left of timeout_us */
    uint64_t spent_us; /* by its caller */
};

static struct dns_https_pending *begin(const struct dns_lookup *lookup,
                                       const struct dns_question *question, uint16_t port)
{
    struct dns_https_pending *pending = malloc(sizeof *pending);
    if (pending == NULL) {
        return NULL;
    }
    uint64_t start_us = lookup->io->now_us();
    dns_resolution_source_make(&pending->source, lookup);
    pending->left_us = lookup->timeout_us;
    if (!dns_resolution_begin(&pending->resolution, &pending->source, question, port,
                              start_us + lookup->timeout_us)) {
        free(pending);
        return NULL;
    }
    pending->spent_us = lookup->io->now_us() - start_us;
    return pending;
}

struct dns_endpoints *dns_https_cached(const struct dns_lookup *lookup, const char *host,
                                       uint16_t port, struct dns_lookup_report *report)
{
    int saved = errno;
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    struct dns_endpoints *answer = NULL;
    uint64_t start_us = lookup->io->now_us();
    if (dns_name_of_origin(host, port, &question.qname) == ECH_OK) {
        char resolver[DNS_RESOLVER_ID];
        answer = dns_resolution_cached(lookup, &question, resolver);
        if (answer != NULL && report != NULL) {
            *report = (struct dns_lookup_report){.lookup_us = lookup->io->now_us() - start_us,
                                                 .cached = true};
            dns_resolver_id_copy(report->resolver, resolver);
        }
    }
    errno = saved;
    return answer;
}

struct dns_https_pending *dns_https_begin(const struct dns_lookup *lookup, const char *host,
                                          uint16_t port)
{
    int saved = errno;
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    struct dns_https_pending *pending = NULL;
    if (dns_name_of_origin(host, port, &question.qname) == ECH_OK) {
        pending = begin(lookup, &question, port);
    }
    errno = saved;
    return pending;
}

struct dns_endpoints *dns_https_finish(struct dns_https_pending *pending, uint64_t wait_until_us,
                                       struct dns_lookup_report *report)
{
    int saved = errno;
    const struct dns_io *io = pending->source.lookup.io;
    struct dns_resolution *resolution = &pending->resolution;
    uint64_t start_us = io->now_us();
    bool there = dns_resolution_run(&resolution, 1, wait_until_us, start_us + pending->left_us);
    uint64_t spent_us = io->now_us() - start_us;
    pending->spent_us += spent_us;
    pending->left_us -= spent_us < pending->left_us ? spent_us : pending->left_us;
    struct dns_endpoints *answer = NULL;
    if (report != NULL) {
        *report = (struct dns_lookup_report){.lookup_us = pending->spent_us,
                                             .cached = resolution->cached};
        (void)snprintf(report->resolver, sizeof report->resolver, "%s",
                       resolution->answered_by != NULL ? resolution->answered_by
                                                       : pending->source.resolver);
    }
    if (there) {
        answer = dns_resolution_take(resolution);
        dns_https_cancel(pending);
    }
    errno = saved;
    return answer;
}

/* ---- how long the program waits ---- */

void dns_https_hurry(struct dns_https_pending *pending)
{
    dns_resolution_hurry(&pending->resolution);
}

static uint64_t network_of(const struct dns_lookup *lookup)
{
    return lookup->cache != NULL ? dns_cache_network(lookup->cache, lookup->io->now_us()) : 0;
}

uint64_t dns_https_patience_us(const struct dns_https_pending *pending)
{
    const struct dns_lookup *lookup = &pending->source.lookup;
    const char *resolver = pending->source.resolver;
    uint64_t now_us = lookup->io->now_us();
    if (dns_resolution_had_records(&pending->resolution)) {
        return UINT64_MAX;
    }
    return lookup->health != NULL
               ? dns_health_wait_us(lookup->health, resolver, network_of(lookup), now_us)
               : DNS_HEALTH_WAIT_US;
}

void dns_https_note_silence(const struct dns_https_pending *pending)
{
    const struct dns_lookup *lookup = &pending->source.lookup;
    if (lookup->health != NULL) {
        dns_health_note_silence(lookup->health, pending->source.resolver, network_of(lookup),
                                &pending->resolution.asked.qname, lookup->io->now_us());
    }
}

void dns_https_cancel(struct dns_https_pending *pending)
{
    if (pending != NULL) {
        dns_resolution_end(&pending->resolution);
        free(pending);
    }
}

struct dns_endpoints *dns_lookup_https(const struct dns_lookup *lookup, const char *host,
                                       uint16_t port, struct dns_lookup_report *report)
{
    int saved = errno;
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    struct dns_https_pending *pending;
    struct dns_endpoints *answer = NULL;
    if (report != NULL) {
        *report = (struct dns_lookup_report){0};
    }
    if (dns_name_of_origin(host, port, &question.qname) != ECH_OK) {
        answer = dns_answer_new(DNS_NONE, DNS_REASON_NO_QUERY);
    } else if ((pending = begin(lookup, &question, port)) != NULL) {
        answer = dns_https_finish(pending, UINT64_MAX, report);
    }
    errno = saved;
    return answer;
}
