/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/svcb_select.h"

#include <stdlib.h>

/* A usable record and the random number that ranks it among its equals. */
struct candidate {
    uint32_t random;
    struct https_rr rr;
};

static bool is_alias(const struct candidate *c)
{
    return c->rr.priority == 0;
}

static bool target_reachable(const struct https_rr *rr)
{
    char host[DNS_HOST_SIZE];
    return dns_name_is_root(&rr->target) || dns_name_to_host(&rr->target, host);
}

/* Aliases have priority 0, so they come first. */
static int compare(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->rr.priority != b->rr.priority) {
        return a->rr.priority < b->rr.priority ? -1 : 1;
    }
    return (a->random > b->random) - (a->random < b->random);
}

/* Can this client use the endpoint of the record? */
static bool is_usable(const struct https_rr *rr)
{
    return https_rr_usable_over_tcp(rr) && target_reachable(rr);
}

/* Keeps the candidates that this client can use; false if a record is malformed. */
static bool collect(const struct bytes *rdata, size_t count, const uint32_t *random,
                    struct candidate *kept, size_t *kept_count)
{
    *kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct candidate *c = &kept[*kept_count];
        enum https_rr_verdict verdict = https_rr_parse(rdata[i], &c->rr);
        if (verdict == HTTPS_RR_MALFORMED) {
            return false;
        }
        c->random = random[i];
        if (verdict == HTTPS_RR_OK && (is_alias(c) || is_usable(&c->rr))) {
            (*kept_count)++;
        }
    }
    return true;
}

static enum ech_status conclude(const struct candidate *sorted, size_t count,
                                struct svcb_choice *choice)
{
    if (count == 0) {
        choice->kind = SVCB_CHOICE_INCOMPATIBLE;
        return ECH_OK;
    }
    if (is_alias(&sorted[0])) {
        choice->kind =
            dns_name_is_root(&sorted[0].rr.target) ? SVCB_CHOICE_NO_SERVICE : SVCB_CHOICE_ALIAS;
        choice->alias = sorted[0].rr.target;
        return ECH_OK;
    }
    choice->endpoints = calloc(count, sizeof *choice->endpoints);
    if (choice->endpoints == NULL) {
        return ECH_ERR_NOMEM;
    }
    choice->kind = SVCB_CHOICE_ENDPOINTS;
    choice->count = count;
    for (size_t i = 0; i < count; i++) {
        choice->endpoints[i] = sorted[i].rr;
    }
    return ECH_OK;
}

enum ech_status svcb_select(const struct bytes *rdata, size_t count, const uint32_t *random,
                            struct svcb_choice *choice)
{
    *choice = (struct svcb_choice){.kind = SVCB_CHOICE_MALFORMED};
    /* One more than needed: a record is parsed in place before we know whether it stays. */
    struct candidate *kept = calloc(count + 1, sizeof *kept);
    if (kept == NULL) {
        return ECH_ERR_NOMEM;
    }
    enum ech_status status = ECH_OK;
    size_t kept_count;
    if (collect(rdata, count, random, kept, &kept_count)) {
        qsort(kept, kept_count, sizeof *kept, compare);
        status = conclude(kept, kept_count, choice);
    }
    free(kept);
    return status;
}

void svcb_choice_free(struct svcb_choice *choice)
{
    free(choice->endpoints);
    choice->endpoints = NULL;
    choice->count = 0;
}
