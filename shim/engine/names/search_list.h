/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search list (resolv.conf(5): search, domain, ndots): which absolute names a name stands for,
 * in which order, and what to say when none of them is there. The rules are those of the C
 * library's res_search, so that a program finds the same host as without us. Pure.
 */
#ifndef SHIM_ENGINE_NAMES_SEARCH_LIST_H
#define SHIM_ENGINE_NAMES_SEARCH_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/name.h"

/* What became of one candidate, or of all. */
enum shim_names_outcome {
    SHIM_NAMES_FOUND,
    SHIM_NAMES_NO_NAME,   /* there is no such name */
    SHIM_NAMES_NO_DATA,   /* it has no address of the kind that was asked for */
    SHIM_NAMES_SERVFAIL,  /* a server could not say; the next candidate is tried all the same */
    SHIM_NAMES_TRY_AGAIN, /* nobody answered: the search ends */
    SHIM_NAMES_FAILED,    /* nor will anybody: the search ends */
    SHIM_NAMES_OUT_OF_MEMORY,
};

struct shim_names_rules {
    const char *const *suffixes; /* borrowed; "" and "." are the root */
    size_t count;
    unsigned ndots;      /* from so many dots on a name is first tried as it is */
    bool search;         /* RES_DNSRCH: names with dots take the suffixes too, and all of them */
    bool default_suffix; /* RES_DEFNAMES: names without a dot take them */
    bool no_bare;        /* RES_NOTLDQUERY: a name without a dot is not asked for as it is */
};

/* One search. The fields are shim/engine/names/search_list.c's. */
struct shim_names_search {
    const struct shim_names_rules *rules;
    const char *name;
    size_t dots;
    size_t next; /* suffix */
    unsigned step;
    bool absolute;
    bool suffixes_apply;
    bool suffixes_tried;
    bool tried_bare;
    bool got_no_data;
    bool got_servfail;
    enum shim_names_outcome bare; /* of the name as it is, tried first */
    enum shim_names_outcome last;
};

/* Both are borrowed as long as the search goes on. */
void shim_names_search_start(struct shim_names_search *search, const struct shim_names_rules *rules,
                             const char *name);

/*
 * The next absolute name, without its trailing dot; false if there is none left. What is too long
 * for the DNS is passed over.
 */
ECH_MUST_USE bool shim_names_search_next(struct shim_names_search *search,
                                         char candidate[DNS_HOST_SIZE]);

/* The candidate that was given last is not there. */
void shim_names_search_missed(struct shim_names_search *search, enum shim_names_outcome outcome);

/* After the last candidate: what to say. */
enum shim_names_outcome shim_names_search_verdict(const struct shim_names_search *search);

#endif
