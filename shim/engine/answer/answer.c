/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/answer/answer.h"

#include <stdio.h>
#include <string.h>

#include "shim/engine/answer/ask_server.h"
#include "shim/engine/answer/proven.h"
#include "shim/engine/config/config_search.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/settings/proxy_environment.h"
#include "shim/engine/state/state.h"

enum {
    REMEMBERED_SECONDS_MAX = 3600, /* servers change their keys about every hour */
    UNKNOWN_SECONDS = 60, /* a server that could not be asked is not asked again for so long */
    LIST_HEADER = 2,
};

/* One handshake that is asked about. */
struct asking {
    char host[DNS_HOST_SIZE];
    struct shim_host_settings host_settings;
    const struct dns_lookup *lookup;
    struct shim_destination destination;
    struct shim_address peer;
    struct shim_policy_facts facts;
    struct shim_found found;
    struct shim_decision decision;
    struct shim_given_config *given;
};

/* ---- what the program's library can use ---- */

/* Go's crypto/tls knows one KEM and one KDF; its AEADs are ours. */
static bool library_knows(const struct ech_config *config, struct ech_hpke_suite *suite)
{
    static const uint16_t kems[] = {ECH_KEM_X25519_SHA256};
    const struct ech_config_support support = {.kem_ids = kems, .kem_count = 1};
    struct reader pairs = rd_of(config->cipher_suites);
    uint16_t kdf;
    uint16_t aead;
    if (ech_config_check(config, &support, suite) != ECH_CONFIG_USABLE) {
        return false;
    }
    while (rd_u16(&pairs, &kdf) && rd_u16(&pairs, &aead)) {
        if (kdf == ECH_KDF_SHA256 && ech_hpke_aead_supported(aead)) {
            suite->kdf_id = kdf;
            suite->aead_id = aead;
            return true;
        }
    }
    return false;
}

/* Chooses from the list that was found, as the library will. */
static bool choose(struct shim_found *found)
{
    struct reader configs;
    struct ech_config config;
    struct ech_hpke_suite suite;
    if (ech_config_list_begin(found->ech_config_list, &configs) != ECH_OK) {
        return false;
    }
    while (ech_config_list_next(&configs, &config)) {
        if (library_knows(&config, &suite) && config.raw.len <= SHIM_GIVEN_LIST_MAX - LIST_HEADER) {
            found->choice = (struct ech_config_choice){.config = config, .suite = suite};
            return true;
        }
    }
    return false;
}

/* ---- the search ---- */

static void decide(struct asking *asking)
{
    const struct shim_found *found = &asking->found;
    asking->facts.all_have_ech = found->all_have_ech;
    asking->facts.dns_protected = found->dns_protected;
    asking->facts.dns_reason = found->dns_reason;
    asking->decision = shim_policy_decide(&asking->facts, found->search);
}

/* A connection of the program cannot be redirected to another endpoint: then the result of the
 * search is SHIM_SEARCH_UNREDIRECTABLE. */
static void search(struct asking *asking)
{
    struct shim_route route; /* there is nothing to move */
    shim_found_free(&asking->found);
    shim_config_search(&asking->host_settings, asking->lookup, &asking->destination, &asking->found,
                       &route);
    if (asking->found.search == SHIM_SEARCH_USABLE && !choose(&asking->found)) {
        asking->found.search = SHIM_SEARCH_UNUSABLE;
    }
    decide(asking);
}

/* ---- the question to the server ---- */

static uint64_t lifetime_us(const struct shim_found *found)
{
    uint32_t seconds = found->ttl < REMEMBERED_SECONDS_MAX ? found->ttl : REMEMBERED_SECONDS_MAX;
    return (seconds > DNS_CACHE_TTL_MIN ? seconds : DNS_CACHE_TTL_MIN) * UINT64_C(1000000);
}

/* The server has said something else than the DNS. */
static void learn(struct asking *asking, const struct shim_rejection_source *source, bool disabled,
                  struct bytes retry_configs)
{
    struct shim_found fresh = {0};
    const struct shim_policy_rejection rejection = {
        .mode = asking->host_settings.mode,
        .retry = asking->host_settings.retry,
        .authenticated = true,
        .disabled = disabled,
        .library_ech = true,
        .usable_config =
            shim_found_replace(&fresh, retry_configs) == SHIM_SEARCH_USABLE && choose(&fresh),
    };
    shim_found_free(&fresh);
    struct shim_rejection_decision decision = shim_policy_rejected(&rejection);
    if (decision.answer == SHIM_ANSWER_RETRY || decision.remember) {
        shim_rejection_cache_put(source, retry_configs, asking->lookup->io->now_us(),
                                 lifetime_us(&asking->found));
        search(asking);
    } else {
        asking->decision =
            (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = decision.reason};
    }
    asking->given->report.retries = decision.answer == SHIM_ANSWER_RETRY;
}

/* A config that was set by hand has no endpoint. */
static void target_of(const struct asking *asking, char target[DNS_HOST_SIZE])
{
    const struct dns_endpoint *endpoint = asking->found.endpoint;
    (void)snprintf(target, DNS_HOST_SIZE, "%s", endpoint != NULL ? endpoint->target : asking->host);
}

/* Asks the server about a config before the first use, unless what is given comes from the server
 * itself. */
static void prove(struct asking *asking)
{
    const struct dns_lookup *lookup = asking->lookup;
    char endpoint[SHIM_ENDPOINT_SIZE];
    struct shim_rejection_source source;
    char target[DNS_HOST_SIZE];
    struct writer retry_configs;
    if (!asking->host_settings.retry || asking->destination.tunnel || asking->found.from_server) {
        return;
    }
    shim_found_source(&asking->found, lookup, asking->host, asking->destination.port, endpoint,
                      &source);
    if (shim_proven_get(&source, lookup->io->now_us()) != SHIM_PROOF_NONE) {
        return;
    }
    target_of(asking, target);
    const struct shim_server_question question = {
        .lookup = lookup,
        .target = target,
        .port = asking->destination.port,
        .private_allowed = asking->host_settings.private,
        .choice = &asking->found.choice,
    };
    enum shim_rejection_probe_result result = shim_answer_ask_server(&question, &retry_configs);
    uint64_t now_us = lookup->io->now_us();
    switch (result) {
    case SHIM_PROBE_ACCEPTED:
        shim_proven_put(&source, SHIM_PROOF_ACCEPTED, now_us, lifetime_us(&asking->found));
        break;
    case SHIM_PROBE_FAILED:
        /* The program's own handshake finds out: it has ECH, so it can only fail. */
        shim_proven_put(&source, SHIM_PROOF_UNKNOWN, now_us, UNKNOWN_SECONDS * UINT64_C(1000000));
        break;
    default:
        learn(asking, &source, result == SHIM_PROBE_DISABLED, wr_view(&retry_configs));
        break;
    }
    wr_free(&retry_configs);
}

/* ---- the answer ---- */

static void give_list(const struct asking *asking)
{
    struct shim_given_config *given = asking->given;
    const struct ech_config_choice *choice = &asking->found.choice;
    struct writer list;
    wr_init_on(&list, sizeof given->list, given->list, sizeof given->list);
    struct wr_mark mark = wr_open(&list, LIST_HEADER);
    size_t at = list.len;
    wr_bytes(&list, choice->config.raw);
    wr_close(&list, mark);
    if (wr_finish(&list) != ECH_OK) {
        return;
    }
    size_t name = (size_t)(choice->config.public_name.data - choice->config.raw.data);
    given->length = list.len;
    given->report.has_config = true;
    given->report.public_name = bytes_of(given->list + at + name, choice->config.public_name.len);
    given->report.config_id = choice->config.config_id;
    given->report.suite = choice->suite;
    given->what = SHIM_GIVEN_LIST;
}

static void give(struct asking *asking)
{
    struct shim_given_config *given = asking->given;
    const struct shim_found *found = &asking->found;
    given->report.source = found->source != NULL ? found->source : "none";
    given->report.lookup_us = found->lookup_us;
    if (found->resolver != NULL && strlen(found->resolver) < sizeof given->resolver) {
        memcpy(given->resolver, found->resolver, strlen(found->resolver) + 1);
        given->report.resolver = given->resolver;
    }
    given->report.reason = asking->decision.reason;
    switch (asking->decision.action) {
    case SHIM_ACTION_IGNORE:
        given->what = SHIM_GIVEN_IGNORED;
        break;
    case SHIM_ACTION_PLAIN:
    case SHIM_ACTION_GREASE: /* the library has no GREASE */
        given->what = SHIM_GIVEN_PLAIN;
        given->report.outcome = "plain";
        break;
    case SHIM_ACTION_OFFER:
        give_list(asking);
        break;
    default:
        break;
    }
}

/* As for a connection of any other library: one that was used may be one through a proxy. If
 * nothing is known of it, it goes to the port of HTTPS, and through a proxy if the environment
 * names one. */
static void find_destination(struct asking *asking, const struct shim_config_question *question)
{
    struct shim_destination *destination = &asking->destination;
    *destination = (struct shim_destination){.host = asking->host, .port = DNS_HTTPS_PORT};
    switch (question->connection) {
    case SHIM_ASKED_FRESH:
        asking->peer = question->peer;
        destination->peer = &asking->peer;
        destination->port = question->port;
        break;
    case SHIM_ASKED_USED:
        destination->tunnel = true;
        break;
    default:
        destination->tunnel = !shim_proxy_of_environment(asking->host, &destination->port) &&
                              shim_proxy_in_environment();
        break;
    }
}

/* Only a connection whose port is known can be one that is not watched. */
static bool is_watched(const struct shim_config_question *question)
{
    return question->connection != SHIM_ASKED_FRESH ||
           shim_settings_watches(&shim_state()->settings, question->port);
}

static void begin(struct asking *asking, const struct shim_config_question *question)
{
    const struct shim_engine_state *state = shim_state();
    struct sockaddr_storage peer;
    (void)dns_host_normal(question->server_name, asking->host);
    shim_settings_of_host(&state->settings, asking->host, &asking->host_settings);
    asking->lookup = shim_engine_lookup(&asking->host_settings);
    find_destination(asking, question);
    bool known = asking->destination.peer != NULL &&
                 shim_address_write(asking->destination.peer, question->port, &peer) > 0;
    asking->facts = (struct shim_policy_facts){
        .mode = asking->host_settings.mode,
        .port_watched = is_watched(question),
        .library_supported = true,
        .tls13 = !question->old_only,
        .own_ech = question->own_list,
        .name = dns_name_kind_of(asking->host) != DNS_NAME_NONE,
        .ech_failed = shim_downgrade_forbids(state->downgrade, asking->host,
                                             known ? (const struct sockaddr *)&peer : NULL,
                                             state->io->now_us()),
    };
    asking->destination.ech_failed = asking->facts.ech_failed;
}

void shim_answer_give_config(const struct shim_config_question *question,
                             struct shim_given_config *given)
{
    struct asking asking = {.given = given};
    *given = (struct shim_given_config){
        .what = SHIM_GIVEN_REFUSED,
        .report = {.source = "none", .outcome = "refused", .reason = "internal"},
    };
    begin(&asking, question);
    memcpy(given->host, asking.host, sizeof given->host);
    given->report.host = given->host[0] != '\0' ? given->host : NULL;
    given->report.port = asking.destination.port;
    given->report.mode = asking.host_settings.mode;
    asking.decision = shim_policy_begin(&asking.facts);
    if (asking.decision.action == SHIM_ACTION_SEARCH) {
        search(&asking);
        if (asking.decision.action == SHIM_ACTION_OFFER) {
            prove(&asking);
        }
    }
    give(&asking);
    shim_found_free(&asking.found);
}

void shim_answer_config_rejected(const char *server_name)
{
    shim_proven_forget(server_name);
}
