/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/names.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/hold.h"
#include "shim/engine/base/section.h"
#include "shim/engine/names/nss_pack.h"
#include "shim/engine/names/nsswitch.h"
#include "shim/engine/names/search_list.h"
#include "shim/engine/resolver/channel.h"
#include "shim/engine/resolver/system_names.h"
#include "shim/engine/state/log.h"
#include "shim/nss/module.h"

#define MODULE_NAME "libnss_" SHIM_NAMES_SERVICE ".so.2"

enum { PATH_SIZE = 4096, CONF_SIZE = 16384, LINE_SIZE = 1024 };

/* Where names are resolved that are not this machine's own. Constant after shim_names_start. */
static enum {
    NAMES_SYSTEM,     /* by the C library alone */
    NAMES_SERVICE,    /* our service */
    NAMES_LOCAL_ONLY, /* nowhere: our service cannot be loaded */
    NAMES_CLOSED,     /* nor can the C library be kept from asking the network */
} names;

static __thread bool failed_for_good __attribute__((tls_model("initial-exec")));

bool shim_names_closed(void)
{
    return names == NAMES_CLOSED;
}

bool shim_names_failed_for_good(void)
{
    bool failed = failed_for_good || names == NAMES_LOCAL_ONLY;
    failed_for_good = false;
    return failed;
}

/* ---- asking for an absolute name ---- */

/* Names that have a meaning only on this network (RFC 7050, 8.2; RFC 9462, 6.5). */
static bool is_of_this_network(const char *name)
{
    return dns_host_equal(name, "ipv4only.arpa") || dns_host_equal(name, "resolver.arpa");
}

/* Is this a name for the system's resolver? Also if a configuration file gives its host no
 * encrypted one. */
static bool stays_local(const char *name)
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
    if (stays_local(candidate)) {
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
    bool local = stays_local(name);
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

/* The C library's own rules: resolv.conf, LOCALDOMAIN, RES_OPTIONS. */
static enum shim_names_outcome resolve(const char *name, int family,
                                       struct shim_names_answer *answer)
{
    struct __res_state state = {0};
    if (res_ninit(&state) != 0) {
        return SHIM_NAMES_OUT_OF_MEMORY;
    }
    const char *suffixes[MAXDNSRCH + 1];
    struct shim_names_rules rules = {
        .suffixes = suffixes,
        .ndots = state.ndots,
        .search = (state.options & RES_DNSRCH) != 0,
        .default_suffix = (state.options & RES_DEFNAMES) != 0,
        .no_bare = (state.options & RES_NOTLDQUERY) != 0,
    };
    while (rules.count < MAXDNSRCH && state.dnsrch[rules.count] != NULL) {
        suffixes[rules.count] = state.dnsrch[rules.count];
        rules.count++;
    }
    enum shim_names_outcome outcome = SHIM_NAMES_NO_DATA;
#ifdef RES_NOAAAA
    bool no_ipv6 = (state.options & RES_NOAAAA) != 0;
    if (no_ipv6 && family == AF_UNSPEC) {
        family = AF_INET;
    }
    if (!no_ipv6 || family == AF_INET) {
        outcome = search(&rules, name, family, answer);
    }
#else
    outcome = search(&rules, name, family, answer);
#endif
    res_nclose(&state);
    return outcome;
}

/* ---- the service ---- */

static enum nss_status status_of(enum shim_names_outcome outcome, int *error, int *h_error)
{
    switch (outcome) {
    case SHIM_NAMES_FOUND:
        return NSS_STATUS_SUCCESS;
    case SHIM_NAMES_NO_NAME:
        *error = ENOENT;
        *h_error = HOST_NOT_FOUND;
        return NSS_STATUS_NOTFOUND;
    case SHIM_NAMES_NO_DATA:
        *error = ENOENT;
        *h_error = NO_DATA;
        return NSS_STATUS_NOTFOUND;
    case SHIM_NAMES_SERVFAIL:
    case SHIM_NAMES_TRY_AGAIN:
        *error = EAGAIN;
        *h_error = TRY_AGAIN;
        return NSS_STATUS_TRYAGAIN;
    case SHIM_NAMES_OUT_OF_MEMORY:
        *error = ENOMEM;
        *h_error = NETDB_INTERNAL;
        return NSS_STATUS_TRYAGAIN;
    case SHIM_NAMES_FAILED:
        break;
    }
    failed_for_good = true;
    *error = EAGAIN;
    *h_error = NO_RECOVERY;
    return NSS_STATUS_TRYAGAIN;
}

static enum nss_status too_small(int *error, int *h_error)
{
    *error = ERANGE;
    *h_error = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
}

/* One name to resolve. This may wait, and the program may leave that wait
 * (shim/engine/base/section.h). */
struct question {
    struct shim_work work;
    struct shim_names_answer answer;
    enum shim_names_outcome outcome;
    int family;
    char name[];
};

static void run(struct shim_work *work)
{
    struct question *question = (struct question *)work;
    question->outcome = resolve(question->name, question->family, &question->answer);
}

static void drop(struct shim_work *work)
{
    free(work);
}

static enum shim_names_outcome resolve_in_section(const char *name, int family,
                                                  struct shim_names_answer *answer)
{
    int saved = errno;
    if (shim_state()->stub->locked()) {
        return SHIM_NAMES_FAILED;
    }
    size_t size = strlen(name) + 1;
    enum shim_names_outcome outcome = SHIM_NAMES_OUT_OF_MEMORY;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct question *question = malloc(sizeof *question + size);
    if (question == NULL) {
        shim_hold_end(&hold);
        return outcome;
    }
    *question = (struct question){.work = {.run = run, .drop = drop}, .family = family};
    memcpy(question->name, name, size);
    if (shim_section_run(&question->work)) {
        *answer = question->answer;
        outcome = question->outcome;
        free(question);
    }
    shim_hold_end(&hold);
    errno = saved;
    return outcome;
}

/*
 * Is this a name that we ask the C library for ourselves, and that the system's resolver has to
 * answer? The name itself tells, not the caller: a local name has the dot at its end (ask_system),
 * and an encrypted resolver's name is known by its pointer.
 */
static bool is_systems(const char *name)
{
    size_t length = strlen(name);
    char bare[DNS_HOST_SIZE];
    if (shim_resolver_channel_asks(name)) {
        return true;
    }
    if (length < 2 || length > sizeof bare || name[length - 1] != '.') {
        return false;
    }
    memcpy(bare, name, length - 1);
    bare[length - 1] = '\0';
    return stays_local(bare);
}

static enum nss_status not_for_us(int *error, int *h_error)
{
    *error = ENOENT;
    *h_error = NO_RECOVERY;
    return NSS_STATUS_UNAVAIL;
}

static enum nss_status give_tuples(const char *name, struct gaih_addrtuple **first, char *buffer,
                                   size_t size, int *error, int *h_error, int32_t *ttl)
{
    (void)ttl; /* only nscd needs it */
    struct shim_names_answer answer;
    if (is_systems(name)) {
        return not_for_us(error, h_error);
    }
    enum shim_names_outcome outcome = resolve_in_section(name, AF_UNSPEC, &answer);
    if (outcome == SHIM_NAMES_FOUND && !shim_names_pack_tuples(&answer, first, buffer, size)) {
        return too_small(error, h_error);
    }
    return status_of(outcome, error, h_error);
}

static enum nss_status give_host(const char *name, int family, struct hostent *host, char *buffer,
                                 size_t size, int *error, int *h_error, int32_t *ttl,
                                 char **canonical)
{
    (void)ttl;
    struct shim_names_answer answer;
    if (is_systems(name)) {
        return not_for_us(error, h_error);
    }
    if (family != AF_INET && family != AF_INET6) {
        *error = EAFNOSUPPORT;
        *h_error = NETDB_INTERNAL;
        return NSS_STATUS_NOTFOUND;
    }
    enum shim_names_outcome outcome = resolve_in_section(name, family, &answer);
    if (outcome == SHIM_NAMES_FOUND && !shim_names_pack_host(&answer, family, host, buffer, size)) {
        return too_small(error, h_error);
    }
    if (outcome == SHIM_NAMES_FOUND && canonical != NULL) {
        *canonical = host->h_name;
    }
    return status_of(outcome, error, h_error);
}

static const struct shim_names_calls calls = {.tuples = give_tuples, .host = give_host};

/* ---- the start ---- */

/* The module is in the engine's folder. */
static bool load_module(void)
{
    Dl_info info;
    char path[PATH_SIZE];
    if (dladdr(&calls, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    int folder = slash != NULL ? (int)(slash - info.dli_fname) + 1 : 0;
    int length = snprintf(path, sizeof path, "%.*s" MODULE_NAME, folder, info.dli_fname);
    const struct shim_stub *stub = shim_state()->stub;
    void *handle = length > 0 && (size_t)length < sizeof path
                       ? stub->dlopen(path, RTLD_NOW | RTLD_LOCAL)
                       : NULL;
    shim_names_attach_function *attach =
        handle != NULL ? (shim_names_attach_function *)stub->dlsym(handle, "shim_names_attach")
                       : NULL;
    if (attach == NULL) {
        return false;
    }
    attach(&calls);
    return true;
}

static bool place_service(bool local_only)
{
    char conf[CONF_SIZE];
    char line[LINE_SIZE];
    size_t length = 0;
    FILE *file = fopen("/etc/nsswitch.conf", "re");
    if (file != NULL) {
        length = fread(conf, 1, sizeof conf, file);
        (void)fclose(file);
    }
    return shim_names_services(bytes_of(conf, length), local_only, line, sizeof line) == ECH_OK &&
           __nss_configure_lookup("hosts", line) == 0;
}

void shim_names_start(void)
{
    const struct shim_settings *settings = &shim_state()->settings;
    if (!settings->names_protected) {
        return;
    }
    if (load_module() && place_service(false)) {
        names = NAMES_SERVICE;
        return;
    }
    shim_log(settings, SHIM_LOG_ERROR, "names cannot be resolved: %s is not where the engine is",
             MODULE_NAME);
    names = place_service(true) ? NAMES_LOCAL_ONLY : NAMES_CLOSED;
}
