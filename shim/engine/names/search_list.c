/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/search_list.h"

#include <stdio.h>
#include <string.h>

enum { STEP_BARE_FIRST, STEP_SUFFIXES, STEP_BARE_LAST, STEP_OVER };

void shim_names_search_start(struct shim_names_search *search, const struct shim_names_rules *rules,
                             const char *name)
{
    size_t length = strlen(name);
    *search = (struct shim_names_search){
        .rules = rules,
        .name = name,
        .absolute = length > 0 && name[length - 1] == '.',
        .bare = SHIM_NAMES_FOUND,
        .last = SHIM_NAMES_NO_NAME,
    };
    for (const char *c = name; *c != '\0'; c++) {
        search->dots += *c == '.' ? 1 : 0;
    }
    search->suffixes_apply =
        !search->absolute && (search->dots > 0 ? rules->search : rules->default_suffix);
    if (length == 0) {
        search->step = STEP_OVER;
    }
}

/* False if the candidate is too long, or is no name. */
static bool compose(char candidate[DNS_HOST_SIZE], const char *name, const char *suffix)
{
    bool bare = *suffix == '\0';
    int length =
        snprintf(candidate, DNS_HOST_SIZE, "%s%s%s", name, bare ? "" : ".", bare ? "" : suffix);
    if (length <= 0 || length > DNS_HOST_SIZE) {
        return false;
    }
    /* A candidate may be one octet too long if that octet is the dot that is cut off. */
    const char *last = bare ? name : suffix;
    bool dot = last[strlen(last) - 1] == '.';
    if (length == DNS_HOST_SIZE && !dot) {
        return false;
    }
    if (dot && length < DNS_HOST_SIZE) {
        candidate[length - 1] = '\0';
    }
    return candidate[0] != '\0';
}

static bool suffix_next(struct shim_names_search *search, char candidate[DNS_HOST_SIZE])
{
    const struct shim_names_rules *rules = search->rules;
    size_t count = search->suffixes_apply ? rules->count : 0;
    while (search->next < count) {
        const char *suffix = rules->suffixes[search->next++];
        suffix += *suffix == '.' ? 1 : 0;
        search->suffixes_tried = true;
        if (*suffix == '\0') {
            search->tried_bare = true;
        }
        if (!rules->search) {
            search->next = count; /* only this one */
        }
        if (compose(candidate, search->name, suffix)) {
            return true;
        }
    }
    return false;
}

bool shim_names_search_next(struct shim_names_search *search, char candidate[DNS_HOST_SIZE])
{
    if (search->step == STEP_BARE_FIRST) {
        search->step = search->absolute ? STEP_OVER : STEP_SUFFIXES;
        if (search->absolute || search->dots >= search->rules->ndots) {
            search->tried_bare = true;
            if (compose(candidate, search->name, "")) {
                return true;
            }
        }
    }
    if (search->step == STEP_SUFFIXES) {
        if (suffix_next(search, candidate)) {
            return true;
        }
        search->step = STEP_BARE_LAST;
    }
    if (search->step == STEP_BARE_LAST) {
        search->step = STEP_OVER;
        if (!search->tried_bare &&
            (search->dots > 0 || !search->suffixes_tried || !search->rules->no_bare)) {
            return compose(candidate, search->name, "");
        }
    }
    return false;
}

void shim_names_search_missed(struct shim_names_search *search, enum shim_names_outcome outcome)
{
    search->last = outcome;
    if (search->step <= STEP_SUFFIXES && search->next == 0 && search->tried_bare) {
        search->bare = outcome;
        return; /* whatever its outcome, the suffixes are tried */
    }
    switch (outcome) {
    case SHIM_NAMES_NO_DATA:
        search->got_no_data = true;
        break;
    case SHIM_NAMES_SERVFAIL:
        search->got_servfail = true;
        break;
    case SHIM_NAMES_NO_NAME:
        break;
    default:
        /* A server that does not answer will not answer for another suffix either. */
        search->next = search->rules->count;
        break;
    }
}

enum shim_names_outcome shim_names_search_verdict(const struct shim_names_search *search)
{
    if (search->bare != SHIM_NAMES_FOUND) {
        return search->bare;
    }
    if (search->got_no_data) {
        return SHIM_NAMES_NO_DATA;
    }
    return search->got_servfail ? SHIM_NAMES_SERVFAIL : search->last;
}
