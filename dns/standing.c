/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/standing.h"

/* The root's name, and a type of those for private use (RFC 6895, 3.1): no look-up asks that. */
static const struct dns_question no_question = {.qname = {.octets = {0}, .len = 1}, .type = 65280};

bool dns_standing_is_down(const struct dns_lookup *lookup, const char *id)
{
    if (lookup->cache == NULL) {
        return false;
    }
    struct dns_endpoints *kept =
        dns_cache_get(lookup->cache, id, &no_question, lookup->io->now_us());
    bool down = kept != NULL && kept->reason == DNS_REASON_NO_QUERY;
    dns_endpoints_free(kept);
    return down;
}

void dns_standing_note(const struct dns_lookup *lookup, const char *id, bool down)
{
    if (lookup->cache == NULL || down == dns_standing_is_down(lookup, id)) {
        return;
    }
    struct dns_endpoints *answer =
        dns_answer_new(DNS_NONE, down ? DNS_REASON_NO_QUERY : DNS_REASON_NODATA);
    if (answer != NULL) {
        answer->ttl = down ? DNS_DOWN_S : DNS_CACHE_TTL_MIN;
        dns_cache_put(lookup->cache, id, &no_question, answer, lookup->io->now_us());
        dns_endpoints_free(answer);
    }
}
