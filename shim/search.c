/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/search.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/ahead.h"
#include "shim/downgrade.h"
#include "shim/kept.h"

enum shim_search shim_found_replace(struct shim_found *found, struct bytes ech_config_list)
{
    if (ech_config_list.len == 0) {
        return SHIM_SEARCH_NO_RECORD;
    }
    uint8_t *copy = malloc(ech_config_list.len);
    if (copy == NULL) {
        return SHIM_SEARCH_FAILED;
    }
    memcpy(copy, ech_config_list.data, ech_config_list.len);
    free(found->ech_config_list);
    found->ech_config_list = copy;
    found->ech_config_list_length = ech_config_list.len;
    struct bytes list = bytes_of(copy, ech_config_list.len);
    switch (ech_config_list_select(list, NULL, &found->choice)) {
    case ECH_OK:
        return SHIM_SEARCH_USABLE;
    case ECH_ERR_UNSUPPORTED:
        return SHIM_SEARCH_UNUSABLE;
    default:
        return SHIM_SEARCH_FAILED;
    }
}

static bool hint_holds(struct bytes hint, const void *address, size_t size)
{
    struct reader r = rd_of(hint);
    struct bytes one;
    while (rd_bytes(&r, size, &one)) {
        if (memcmp(one.data, address, size) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * RFC 9848, 3 and 4: the ech of a record goes with its TargetName and port only. The connection
 * stands already; it leads to the endpoint if the application asked for that very name, or if the
 * peer's address is one that the record names.
 */
static bool leads_to(const struct shim_destination *destination,
                     const struct dns_endpoint *endpoint)
{
    if (endpoint->port != destination->port) {
        return false;
    }
    if (endpoint->target_is_owner || strcasecmp(endpoint->target, destination->host) == 0) {
        return true;
    }
    if (destination->peer == NULL) {
        return false;
    }
    if (destination->peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)destination->peer;
        return hint_holds(endpoint->ipv4hint, &v4->sin_addr, sizeof v4->sin_addr);
    }
    if (destination->peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)destination->peer;
        return hint_holds(endpoint->ipv6hint, &v6->sin6_addr, sizeof v6->sin6_addr);
    }
    return false;
}

/* The best config among the endpoints that the connection leads to. */
static enum shim_search choose_endpoint(struct shim_found *found,
                                        const struct dns_https_answer *answer,
                                        const struct shim_destination *destination)
{
    enum shim_search best = SHIM_SEARCH_NO_RECORD;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_endpoint *endpoint = &answer->endpoints[i];
        if (endpoint->ech_config_list.len == 0) {
            continue;
        }
        if (!leads_to(destination, endpoint)) {
            best = SHIM_SEARCH_ELSEWHERE;
            continue;
        }
        enum shim_search search = shim_found_replace(found, endpoint->ech_config_list);
        if (search == SHIM_SEARCH_USABLE) {
            return search;
        }
        best = search;
    }
    return best;
}

static void find_list(const struct shim_settings *settings, const struct dns_lookup *lookup,
                      const struct shim_destination *destination, struct shim_found *found)
{
    *found = (struct shim_found){.source = "none"};
    if (settings->config_list_given) {
        found->search = SHIM_SEARCH_BAD_SETTINGS;
        if (settings->config_list_usable) {
            found->search =
                shim_found_replace(found, shim_settings_static_config(settings, destination->host));
            found->source = found->search == SHIM_SEARCH_NO_RECORD ? "none" : "static";
            found->ttl = SHIM_DOWNGRADE_STATIC;
        }
        return;
    }
    if (!settings->resolver_usable) {
        found->search = SHIM_SEARCH_BAD_SETTINGS;
        return;
    }
    struct dns_lookup_report report = {0};
    struct dns_https_answer *answer =
        shim_ahead_https(lookup, destination->host, destination->port, &report);
    found->lookup_us = report.lookup_us;
    memcpy(found->resolver, report.resolver, sizeof found->resolver);
    if (answer == NULL || answer->result == DNS_FAILED) {
        found->search = SHIM_SEARCH_FAILED;
    } else if (answer->result == DNS_FOUND) {
        found->search = choose_endpoint(found, answer, destination);
        found->ttl = answer->ttl;
        found->source = found->ech_config_list != NULL ? "dns" : "none";
    } else {
        found->search = SHIM_SEARCH_NO_RECORD;
    }
    if (answer == NULL || answer->result != DNS_FOUND) {
        found->detail = dns_reason_name(answer != NULL ? answer->reason : DNS_REASON_NO_MEMORY);
    }
    dns_https_answer_free(answer);
}

/* RFC 9849, 6.1.8: what the server itself said of this very list, a short while ago. */
static void apply_kept(const struct dns_lookup *lookup, const struct shim_destination *destination,
                       struct shim_found *found)
{
    struct shim_kept_source source = {
        .host = destination->host,
        .port = destination->port,
        .ech_config_list = bytes_of(found->ech_config_list, found->ech_config_list_length),
    };
    uint8_t *retry_configs = NULL;
    size_t length = 0;
    switch (shim_kept_get(&source, lookup->io->now_us(), &retry_configs, &length)) {
    case SHIM_KEPT_DISABLED:
        found->search = SHIM_SEARCH_DISABLED;
        break;
    case SHIM_KEPT_RETRY_CONFIGS:
        found->search = shim_found_replace(found, bytes_of(retry_configs, length));
        found->source = "retry_configs";
        break;
    default:
        break;
    }
    free(retry_configs);
}

void shim_search(const struct shim_settings *settings, const struct dns_lookup *lookup,
                 const struct shim_destination *destination, struct shim_found *found)
{
    find_list(settings, lookup, destination, found);
    if (found->search == SHIM_SEARCH_USABLE) {
        apply_kept(lookup, destination, found);
    }
}

void shim_found_free(struct shim_found *found)
{
    free(found->ech_config_list);
    *found = (struct shim_found){0};
}
