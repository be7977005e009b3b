/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/resolve.h"

#include <resolv.h>
#include <string.h>

#include "shim/engine/resolver/system_names.h"
#include "shim/engine/state/state.h"

/* ---- asking for an absolute name ---- */

/* Names that have a meaning only on this network (RFC 7050, 8.2; RFC 9462, 6.5). */
static bool is_of_this_network(const char *name)
{
    return dns_host_equal(name, "ipv4only.arpa") || dns_host_equal(name, "resolver.arpa");
}

bool shim_names_stays_local(const char *name)
{
    struct shim_host_settings host_settings;
    shim_settings_of_host(&shim_state()->settings, name, &host_settings);
    return dns_name_kind_of(name) == DNS_NAME_PRIVATE || is_of_this_network(name) ||
           !host_settings.names_protected;
}

static bool add_address(struct shim_names_answer *answer, int family, const void *octets,
                        uint32_t scope)
{
    if (answer->count >= SHIM_NAMES_ADDRESSES) {
        return false;
    }
    struct shim_names_address *address = &answer->list[answer->count++];
    *address = (struct shim_names_address){.family = family, .scope = scope};
    memcpy(address->octets, octets, family == AF_INET ? 4 : 16);
    return true;
}

static void take_addrinfo(struct shim_names_answer *answer, const struct addrinfo *list)
{
    for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next) {
        if (entry->ai_family == AF_INET) {
            const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)entry->ai_addr;
            (void)add_address(answer, AF_INET, &v4->sin_addr, 0);
        } else if (entry->ai_family == AF_INET6) {
            const struct sockaddr_in6 *v6 =
                (const struct sockaddr_in6 *)(const void *)entry->ai_addr;
            (void)add_address(answer, AF_INET6, &v6->sin6_addr, v6->sin6_scope_id);
        }
    }
    if (list != NULL && list->ai_canonname != NULL &&
        strlen(list->ai_canonname) < sizeof answer->canonical) {
        memcpy(answer->canonical, list->ai_canonname, strlen(list->ai_canonname) + 1);
    }
}

static enum shim_names_outcome outcome_of_error(int error)
{
    switch (error) {
    case 0:
        return SHIM_NAMES_FOUND;
    case EAI_NONAME:
        return SHIM_NAMES_NO_NAME;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return SHIM_NAMES_NO_DATA;
    case EAI_AGAIN:
        return SHIM_NAMES_TRY_AGAIN;
    case EAI_MEMORY:
        return SHIM_NAMES_OUT_OF_MEMORY;
    default:
        return SHIM_NAMES_FAILED;
    }
}

/* Calls the C library again. Our service skips such a name (is_systems), so its DNS client asks.
 * The dot at the end keeps the C library from searching. */
static enum shim_names_outcome ask_system(const char *name, int family,
                                          struct shim_names_answer *answer)
{
    struct addrinfo *list = NULL;
    int error = shim_names_ask_system(name, true, family, AI_CANONNAME, &list);
    if (error == 0) {
        take_addrinfo(answer, list);
        freeaddrinfo(list);
        return answer->count > 0 ? SHIM_NAMES_FOUND : SHIM_NAMES_NO_DATA;
    }
    return outcome_of_error(error);
}

/* The outcome of an answer without addresses. */
static enum shim_names_outcome outcome_of_reason(enum dns_result result, enum dns_reason reason)
{
    if (result == DNS_NONE) {
        return reason == DNS_REASON_NODATA ? SHIM_NAMES_NO_DATA : SHIM_NAMES_NO_NAME;
    }
    switch (reason) {
    case DNS_REASON_SERVFAIL:
        return SHIM_NAMES_SERVFAIL;
    case DNS_REASON_NO_MEMORY:
        return SHIM_NAMES_OUT_OF_MEMORY;
    case DNS_REASON_REFUSED:
    case DNS_REASON_FORMERR:
    case DNS_REASON_RCODE:
        return SHIM_NAMES_FAILED;
    default:
        return SHIM_NAMES_TRY_AGAIN;
    }
}

static void add_hint(struct shim_names_answer *answer, int family, struct bytes hint)
{
    struct reader r = rd_of(hint);
    struct bytes octets;
    while (rd_bytes(&r, family == AF_INET ? 4 : 16, &octets)) {
        (void)add_address(answer, family, octets.data, 0);
    }
}

/* Has the name neither A nor AAAA? One of the two is known to be missing. */
static bool has_no_address(const struct dns_lookup *lookup, const char *name)
{
    struct dns_addresses *found = dns_lookup_addresses(lookup, name, true, true, NULL);
    bool none = found != NULL && found->result == DNS_NONE && found->reason == DNS_REASON_NODATA;
    dns_addresses_free(found);
    return none;
}

/*
 * RFC 9460, 7.3: the hints of its HTTPS records are the addresses of a name that has no others. The
 * record is the one that the connection will need.
 */
static void add_hints(const struct dns_lookup *lookup, const char *name, int family,
                      struct shim_names_answer *answer)
{
    const struct shim_settings *settings = &shim_state()->settings;
    uint16_t port =
        shim_settings_watches(settings, DNS_HTTPS_PORT) ? DNS_HTTPS_PORT : settings->ports[0];
    if (family != AF_UNSPEC && !has_no_address(lookup, name)) {
        return;
    }
    struct dns_endpoints *found = dns_lookup_https(lookup, name, port, NULL);
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        if (family != AF_INET) {
            add_hint(answer, AF_INET6, found->endpoints[i].ipv6hint);
        }
        if (family != AF_INET6) {
            add_hint(answer, AF_INET, found->endpoints[i].ipv4hint);
        }
    }
    dns_endpoints_free(found);
}

static enum shim_names_outcome ask_resolver(const char *name, int family,
                                            struct shim_names_answer *answer)
{
    struct shim_host_settings host_settings;
    shim_settings_of_host(&shim_state()->settings, name, &host_settings);
    if (!host_settings.resolver_usable) {
        return SHIM_NAMES_FAILED;
    }
    const struct dns_lookup *lookup = shim_engine_lookup(&host_settings);
    struct dns_addresses *found =
        dns_lookup_addresses(lookup, name, family != AF_INET6, family != AF_INET, NULL);
    if (found == NULL) {
        return SHIM_NAMES_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < found->count; i++) {
        (void)add_address(answer, found->list[i].family, found->list[i].octets, 0);
    }
    memcpy(answer->canonical, found->canonical, sizeof answer->canonical);
    if (answer->count == 0 && found->result == DNS_NONE && found->reason == DNS_REASON_NODATA &&
        dns_resolver_is_protected(lookup->resolver)) {
        add_hints(lookup, name, family, answer);
    }
    enum shim_names_outcome outcome =
        answer->count > 0 ? SHIM_NAMES_FOUND : outcome_of_reason(found->result, found->reason);
    dns_addresses_free(found);
    return outcome;
}

/* ---- asking for a name as the program wrote it ---- */

/*
 * A suffix of this network's search list does not make a remote name local: if the candidate were
 * asked for as a local name, the program's name would go out in the clear.
 */
static enum shim_names_outcome ask(const char *candidate, bool name_is_local, int family,
                                   struct shim_names_answer *answer)
{
    if (shim_names_stays_local(candidate)) {
        return name_is_local ? ask_system(candidate, family, answer) : SHIM_NAMES_NO_NAME;
    }
    return dns_name_kind_of(candidate) == DNS_NAME_GLOBAL ? ask_resolver(candidate, family, answer)
                                                          : SHIM_NAMES_NO_NAME;
}

static enum shim_names_outcome search(const struct shim_names_rules *rules, const char *name,
                                      int family, struct shim_names_answer *answer)
{
    struct shim_names_search search;
    char candidate[DNS_HOST_SIZE];
    bool local = shim_names_stays_local(name);
    shim_names_search_start(&search, rules, name);
    while (shim_names_search_next(&search, candidate)) {
        *answer = (struct shim_names_answer){.count = 0};
        enum shim_names_outcome outcome = ask(candidate, local, family, answer);
        if (outcome != SHIM_NAMES_FOUND) {
            shim_names_search_missed(&search, outcome);
            continue;
        }
        /* Spelt as the program spelt it. */
        bool same = answer->canonical[0] == '\0' || dns_host_equal(answer->canonical, candidate);
        memcpy(same ? answer->canonical : answer->alias, candidate, sizeof candidate);
        return outcome;
    }
    return shim_names_search_verdict(&search);
}

/*
 * The rules that the C library itself goes by in this thread: it has brought them up to date before
 * it asked us. It is not asked for them anew, because it holds a lock while it does that: a program
 * that has jumped out of there leaves it locked, and finds names all the same. If it jumped out of
 * the very first time, there are none yet; then as without resolv.conf.
 */
static void rules_of_thread(struct shim_names_rules *rules, const char *suffixes[MAXDNSRCH + 1],
                            unsigned long *options)
{
    const struct __res_state *state = __res_state();
    bool known = (state->options & RES_INIT) != 0;
    *options = known ? state->options : RES_DEFAULT;
    *rules = (struct shim_names_rules){
        .suffixes = suffixes,
        .ndots = known ? state->ndots : 1,
        .search = (*options & RES_DNSRCH) != 0,
        .default_suffix = (*options & RES_DEFNAMES) != 0,
        .no_bare = (*options & RES_NOTLDQUERY) != 0,
    };
    while (known && rules->count < MAXDNSRCH && state->dnsrch[rules->count] != NULL) {
        suffixes[rules->count] = state->dnsrch[rules->count];
        rules->count++;
    }
}

enum shim_names_outcome shim_names_resolve(const char *name, int family,
                                           struct shim_names_answer *answer)
{
    const char *suffixes[MAXDNSRCH + 1];
    struct shim_names_rules rules;
    unsigned long options;
    rules_of_thread(&rules, suffixes, &options);
#ifdef RES_NOAAAA
    bool no_ipv6 = (options & RES_NOAAAA) != 0;
    if (no_ipv6 && family == AF_UNSPEC) {
        family = AF_INET;
    }
    if (no_ipv6 && family != AF_INET) {
        return SHIM_NAMES_NO_DATA;
    }
#endif
    return search(&rules, name, family, answer);
}
