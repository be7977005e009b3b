/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search list (resolv.conf(5): search, domain, ndots): which absolute names a name stands for,
 * in which order, and what the result is if none exists. The rules are those of the C library's
 * res_search, so that a program finds the same host as without us. Pure.
 */
#ifndef SHIM_ENGINE_NAMES_SEARCH_LIST_H
#define SHIM_ENGINE_NAMES_SEARCH_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/name.h"

/* The outcome of one candidate, or of all. */
enum shim_names_outcome {
    SHIM_NAMES_FOUND,
    SHIM_NAMES_NO_NAME,   /* the name does not exist */
    SHIM_NAMES_NO_DATA,   /* it has no address of the family that was asked for */
    SHIM_NAMES_SERVFAIL,  /* a server failed; the next candidate is tried */
    SHIM_NAMES_TRY_AGAIN, /* no server answered: the search ends */
    SHIM_NAMES_FAILED,    /* and none will: the search ends */
    SHIM_NAMES_OUT_OF_MEMORY,
};

struct shim_names_rules {
    const char *const *suffixes; /* borrowed; "" and "." are the root */
    size_t count;
    unsigned ndots;      /* a name with at least this many dots is tried as it is first */
    bool search;         /* RES_DNSRCH: names with dots are tried with all suffixes too */
    bool default_suffix; /* RES_DEFNAMES: names without a dot are tried with the suffixes */
    bool no_bare;        /* RES_NOTLDQUERY: a name without a dot is not tried as it is */
};

/* One search. Only shim/engine/names/search_list.c uses the fields. */
struct shim_names_search {
    const struct shim_names_rules *rules;
    const char *name;
    size_t dots;
    size_t next; /* the next suffix */
    unsigned step;
    bool absolute;
    bool suffixes_apply;
    bool suffixes_tried;
    bool tried_bare;
    bool got_no_data;
    bool got_servfail;
    enum shim_names_outcome bare; /* of the name as it is, if that was tried first */
    enum shim_names_outcome last;
};

/* Both are borrowed until the search ends. */
void shim_names_search_start(struct shim_names_search *search, const struct shim_names_rules *rules,
                             const char *name);

/*
 * Gives the next absolute name, without its dot at the end; false if there is none left. Skips
 * names that are too long for the DNS.
 */
ECH_MUST_USE bool shim_names_search_next(struct shim_names_search *search,
                                         char candidate[DNS_HOST_SIZE]);

/* Tells the outcome of the last candidate, which was not found. */
void shim_names_search_missed(struct shim_names_search *search, enum shim_names_outcome outcome);

/* The outcome of the whole search, after the last candidate. */
enum shim_names_outcome shim_names_search_verdict(const struct shim_names_search *search);

#endif
