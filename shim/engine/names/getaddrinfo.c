/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens around the program's own resolving. The HTTPS query leaves before its queries do
 * (RFC 9460, 3). If the answer comes in time, the program gets the addresses that the records name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/section.h"
#include "shim/engine/config/prefetch.h"
#include "shim/engine/config/prepared_senders.h"
#include "shim/engine/endpoint/asked_port.h"
#include "shim/engine/names/names.h"
#include "shim/engine/names/steer.h"
#include "shim/engine/settings/proxy_environment.h"

/* RFC 9460, 5.1, after RFC 8305, 3: how long addresses wait for the records. */
enum { RESOLUTION_DELAY_US = 50000 };

/* The TLS connection that a program may be about to make. */
struct prospect {
    const char *host;
    const struct dns_lookup *lookup;
    uint16_t port;   /* a watched port; 0: none */
    bool port_known; /* it comes from the service or a proxy's setting, so it is no guess */
};

/* A decimal port, or a name of /etc/services. 0: none. */
static uint16_t port_of_service(const char *service)
{
    char *end = NULL;
    unsigned long number = strtoul(service, &end, 10);
    if (end != service && *end == '\0') {
        return number <= UINT16_MAX ? (uint16_t)number : 0;
    }
    if (strcmp(service, "https") == 0) {
        return DNS_HTTPS_PORT;
    }
    struct servent entry;
    struct servent *found = NULL;
    char buffer[1024];
    if (getservbyname_r(service, "tcp", &entry, buffer, sizeof buffer, &found) != 0 ||
        found == NULL) {
        return 0;
    }
    return ntohs((uint16_t)found->s_port);
}

static bool is_numeric_or_passive(const struct addrinfo *hints)
{
    return hints != NULL && ((hints->ai_flags & (AI_NUMERICHOST | AI_PASSIVE)) != 0 ||
                             (hints->ai_socktype != 0 && hints->ai_socktype != SOCK_STREAM) ||
                             (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
                              hints->ai_family != AF_INET6));
}

/* Are records asked for at all? Same rule as shim_config_search. */
static bool records_matter(const struct shim_host_settings *host_settings)
{
    return (host_settings->mode == SHIM_MODE_OPPORTUNISTIC ||
            host_settings->mode == SHIM_MODE_STRICT) &&
           !host_settings->config_list_given && host_settings->resolver_usable;
}

static struct prospect prospect_of(const char *node, const char *service,
                                   const struct addrinfo *hints)
{
    const struct shim_settings *settings = &shim_state()->settings;
    struct prospect prospect = {.host = node};
    struct dns_name qname;
    struct shim_host_settings host_settings;
    shim_settings_of_host(settings, node, &host_settings);
    /* With another library in the process, that library may use a proxy and give the program
     * made-up addresses. Then this network must not be asked for the name. */
    if (node == NULL || !records_matter(&host_settings) || is_numeric_or_passive(hints) ||
        shim_state()->stub->in_company()) {
        return prospect;
    }
    prospect.lookup = shim_engine_lookup(&host_settings);
    uint16_t port = settings->ports[0];
    if (service != NULL && *service != '\0') {
        port = port_of_service(service);
        prospect.port_known = true;
    } else if (shim_proxy_of_environment(node, &port)) {
        prospect.port_known = true;
    } else if (shim_settings_watches(settings, DNS_HTTPS_PORT)) {
        port = DNS_HTTPS_PORT;
    }
    if (port != 0 && shim_settings_watches(settings, port) &&
        dns_name_of_origin(node, port, &qname) == ECH_OK) {
        prospect.port = port;
    }
    return prospect;
}

/* A later handshake for this name may need the port (shim/engine/endpoint/asked_port.h). */
static void note_port(const char *node, const char *service, const struct addrinfo *hints)
{
    const struct shim_settings *settings = &shim_state()->settings;
    if (node != NULL && service != NULL && *service != '\0' && !is_numeric_or_passive(hints)) {
        uint16_t port = port_of_service(service);
        if (port != 0 && shim_settings_watches(settings, port)) {
            shim_asked_note(node, port);
        }
    }
}

/* ---- the prefetched look-up ---- */

enum task_kind { TASK_BEGIN_LOOKUP, TASK_PEEK_ANSWER, TASK_TRY_TARGET, TASK_DROP_LOOKUP };

/* A task may wait, and the program may leave that wait (shim/engine/base/section.h). */
struct task {
    struct shim_work work;
    enum task_kind kind;
    const struct dns_lookup *lookup;
    uint16_t port;
    bool port_known;
    struct dns_endpoints *answer; /* result of TASK_PEEK_ANSWER */
    bool answered;                /* result of TASK_TRY_TARGET */
    struct addrinfo *addresses;   /* the program's own; freed with the task if the program leaves */
    char host[];
};

static void run_task(struct shim_work *work)
{
    struct task *task = (struct task *)work;
    const struct dns_lookup *lookup = task->lookup;
    uint64_t wait_us = task->port_known ? lookup->io->now_us() + RESOLUTION_DELAY_US : 0;
    switch (task->kind) {
    case TASK_BEGIN_LOOKUP:
        shim_prefetch_begin(lookup, task->host, task->port);
        break;
    case TASK_PEEK_ANSWER:
        shim_prefetch_addresses_came(lookup, task->host, task->port);
        task->answer = shim_prefetch_peek(lookup, task->host, task->port, wait_us);
        break;
    case TASK_TRY_TARGET:
        task->answered = dns_addresses_come(lookup, task->host);
        break;
    case TASK_DROP_LOOKUP:
        shim_prefetch_drop(lookup, task->host, task->port);
        break;
    }
}

static void drop_task(struct shim_work *work)
{
    struct task *task = (struct task *)work;
    dns_endpoints_free(task->answer);
    if (task->addresses != NULL) {
        freeaddrinfo(task->addresses);
    }
    free(task);
}

/* Gives the answer of TASK_PEEK_ANSWER, or NULL. `answered`, the result of TASK_TRY_TARGET, may be
 * NULL for the others. If the program leaves the task, the addresses *came are freed with it and
 * *came becomes NULL. Keeps errno. */
static struct dns_endpoints *do_task(const struct prospect *prospect, enum task_kind kind,
                                     bool *answered, struct addrinfo **came)
{
    int saved = errno;
    size_t size = strlen(prospect->host) + 1;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct task *task = malloc(sizeof *task + size);
    struct dns_endpoints *answer = NULL;
    if (task != NULL) {
        *task = (struct task){.work = {.run = run_task, .drop = drop_task},
                              .kind = kind,
                              .lookup = prospect->lookup,
                              .port = prospect->port,
                              .port_known = prospect->port_known,
                              .addresses = came != NULL ? *came : NULL};
        memcpy(task->host, prospect->host, size);
        if (shim_section_run(&task->work)) {
            answer = task->answer;
            if (answered != NULL) {
                *answered = task->answered;
            }
            free(task);
        } else if (came != NULL) {
            *came = NULL;
        }
    }
    shim_hold_end(&hold);
    errno = saved;
    return answer;
}

static void begin(const struct prospect *prospect)
{
    if (prospect->port != 0) {
        (void)do_task(prospect, TASK_BEGIN_LOOKUP, NULL, NULL);
    }
}

bool shim_names_asked(const char *node, const char *service, const struct addrinfo *hints)
{
    if (shim_names_closed()) {
        return false;
    }
    int saved = errno;
    struct prospect prospect = prospect_of(node, service, hints);
    begin(&prospect);
    errno = saved;
    return true;
}

/* ---- the addresses of the endpoints ---- */

/* The end of the chain. */
static struct addrinfo **end_of(struct addrinfo **list)
{
    while (*list != NULL) {
        list = &(*list)->ai_next;
    }
    return list;
}

/* Would the target's addresses come soon? If a resolver drops the question, the C library waits for
 * many seconds. Without the addresses, the connection is redirected later, when its hello is made.
 * */
static bool resolves_soon(const struct prospect *prospect, const char *target)
{
    const struct prospect other = {.host = target, .lookup = prospect->lookup};
    bool answered = false;
    dns_endpoints_free(do_task(&other, TASK_TRY_TARGET, &answered, NULL));
    return answered;
}

/* The addresses of one target, or NULL: it has none, or they would not come soon. The trailing dot
 * keeps the C library from trying the search domains. */
static struct addrinfo *addresses_of_target(const struct prospect *prospect, const char *target,
                                            const char *service, const struct addrinfo *wanted)
{
    char absolute[DNS_HOST_SIZE + 1];
    struct addrinfo *found = NULL;
    if (!resolves_soon(prospect, target)) {
        return NULL;
    }
    memcpy(mempcpy(absolute, target, strlen(target)), ".", 2);
    bool resolved = shim_state()->stub->getaddrinfo(absolute, service, wanted, &found) == 0;
    return resolved ? found : NULL;
}

/* The program's hints, without the wish for a canonical name: that stays the name's own. */
static struct addrinfo hints_for_targets(const struct addrinfo *hints)
{
    struct addrinfo wanted =
        hints != NULL ? *hints : (struct addrinfo){.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    wanted.ai_flags &= ~(AI_CANONNAME | AI_IDN | AI_CANONIDN);
    return wanted;
}

/* Chains the addresses of all targets, in their order. Where the name itself is a target, *own is
 * chained in and becomes NULL. */
static struct addrinfo *addresses_of_targets(const struct dns_endpoints *answer,
                                             const struct prospect *prospect, const char *service,
                                             const struct addrinfo *hints, struct addrinfo **own)
{
    const char *targets[SHIM_STEER_MAX]; /* NULL: the name itself */
    size_t count = shim_steer_targets(answer, prospect->host, prospect->port, targets);
    const struct addrinfo wanted = hints_for_targets(hints);
    struct addrinfo *chain = NULL;
    for (size_t i = 0; i < count; i++) {
        struct addrinfo **end = end_of(&chain);
        if (targets[i] == NULL) {
            *end = *own;
            *own = NULL;
        } else {
            *end = addresses_of_target(prospect, targets[i], service, &wanted);
        }
    }
    return chain;
}

/* Takes the canonical name off the name's own addresses. Where there are none, makes it if the
 * program asked for it. NULL: none. */
static char *take_canonical_name(struct addrinfo *own, const char *host,
                                 const struct addrinfo *hints)
{
    if (own != NULL) {
        char *name = own->ai_canonname;
        own->ai_canonname = NULL;
        return name;
    }
    return hints != NULL && (hints->ai_flags & AI_CANONNAME) != 0 ? strdup(host) : NULL;
}

/*
 * Replaces *result, the name's own addresses (NULL: it has none), by the addresses of the targets.
 * A target that cannot be resolved soon is left out; if no target can, nothing changes.
 */
static void steer(const struct dns_endpoints *answer, const struct prospect *prospect,
                  const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    struct addrinfo *own = *result;
    struct addrinfo *unused = own;
    struct addrinfo *steered = addresses_of_targets(answer, prospect, service, hints, &unused);
    if (steered == NULL) {
        return;
    }
    char *canonical = take_canonical_name(own, prospect->host, hints);
    steered->ai_canonname = canonical;
    *result = steered;
    if (unused != NULL) {
        freeaddrinfo(unused);
    }
}

/* The name exists, but has no address of its own, or none of this family. */
static bool has_no_address(int error)
{
    return error == EAI_NODATA || error == EAI_ADDRFAMILY;
}

/* ---- what the connection will need ---- */

/* The config of all endpoints. False: they have none, or not the same, so none is certain. */
static bool only_choice(const struct dns_endpoints *answer, struct ech_config_choice *choice)
{
    for (size_t i = 1; i < answer->count; i++) {
        if (!bytes_equal(answer->endpoints[i].ech_config_list,
                         answer->endpoints[0].ech_config_list)) {
            return false;
        }
    }
    return answer->count > 0 &&
           ech_config_list_select(answer->endpoints[0].ech_config_list, NULL, choice) == ECH_OK;
}

/* The program is about to connect to one of its addresses: that leaves time to prepare its hello.
 */
static void expect_connection(const struct dns_endpoints *answer, const struct prospect *prospect,
                              const struct addrinfo *list)
{
    struct ech_config_choice choice;
    struct shim_addresses addresses = {.count = 0};
    for (; list != NULL; list = list->ai_next) {
        struct shim_address address;
        if (shim_address_of(list->ai_addr, &address)) {
            shim_addresses_add(&addresses, &address);
        }
    }
    if (addresses.count > 0 && only_choice(answer, &choice)) {
        shim_prepared_expect(&choice, answer->ttl, &addresses, prospect->port);
    }
}

/* Gives the result of getaddrinfo. */
static int collect_and_steer(const struct prospect *prospect, const char *service,
                             const struct addrinfo *hints, int error, struct addrinfo **result)
{
    struct addrinfo *list = error == 0 ? *result : NULL;
    struct dns_endpoints *answer = do_task(prospect, TASK_PEEK_ANSWER, NULL, &list);
    if (error == 0 && list == NULL) {
        return EAI_MEMORY;
    }
    if (answer != NULL && prospect->port_known) {
        steer(answer, prospect, service, hints, &list);
    }
    if (answer != NULL) {
        expect_connection(answer, prospect, list);
    }
    dns_endpoints_free(answer);
    if (list != NULL) {
        *result = list;
        error = 0;
    }
    return error;
}

/* If the C library could not be kept from asking in the clear, it must not ask at all. */
static int numeric_only(const char *node, const char *service, const struct addrinfo *hints,
                        struct addrinfo **result)
{
    struct addrinfo wanted = hints != NULL ? *hints : (struct addrinfo){.ai_flags = 0};
    wanted.ai_flags |= AI_NUMERICHOST;
    int error = shim_state()->stub->getaddrinfo(node, service, &wanted, result);
    return error == EAI_NONAME && node != NULL ? EAI_FAIL : error;
}

int shim_names_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                           struct addrinfo **result)
{
    const struct shim_engine_state *state = shim_state();
    if (shim_names_closed()) {
        return numeric_only(node, service, hints, result);
    }
    int saved = errno;
    note_port(node, service, hints);
    struct prospect prospect = prospect_of(node, service, hints);
    begin(&prospect);
    errno = saved;
    (void)shim_names_failed_for_good();
    int error = state->stub->getaddrinfo(node, service, hints, result);
    saved = errno;
    if (error != 0) {
        bool for_good = shim_names_failed_for_good();
        if (prospect.port != 0 && !has_no_address(error)) {
            (void)do_task(&prospect, TASK_DROP_LOOKUP, NULL, NULL);
            prospect.port = 0;
        }
        error = for_good && error != EAI_SYSTEM && error != EAI_MEMORY ? EAI_FAIL : error;
    }
    if (prospect.port != 0) {
        error = collect_and_steer(&prospect, service, hints, error, result);
    }
    errno = saved;
    return error;
}
