/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECH on the connections to an encrypted resolver: a hello exchange, and what follows a rejection.
 * Nothing here waits.
 */
#include "shim/engine/resolver/ech.h"

#include <stdlib.h>

#include "ech/exchange.h"
#include "shim/engine/base/random.h"
#include "shim/engine/config/config_search.h"
#include "shim/engine/policy/policy.h"
#include "shim/engine/resolver/verifier.h"
#include "shim/engine/state/log.h"
#include "shim/engine/state/state.h"

struct resolver_hello {
    struct shim_found found;
    struct ech_exchange *exchange;
    enum dns_ech_state state;
    enum shim_answer answer; /* for DNS_ECH_WANTS_CONNECTION */
    unsigned retries;
};

static void end(void *exchange)
{
    struct resolver_hello *hello = exchange;
    ech_exchange_free(hello->exchange);
    shim_found_free(&hello->found);
    free(hello);
}

static void *begin(void *context, struct bytes ech_config_list)
{
    (void)context;
    struct resolver_hello *hello = calloc(1, sizeof *hello);
    /* The engine can make the session's key shares by itself, so it never needs a probe. */
    const struct ech_exchange_options options = {
        .random = shim_random(),
        .sizes = shim_tls_libraries[SHIM_FAMILY_GNUTLS].sizes,
        .key_share_rule = ECH_KEY_SHARE_OWN,
        .verifier = shim_resolver_outer_verifier(),
    };
    if (hello == NULL) {
        return NULL;
    }
    if (shim_found_replace(&hello->found, ech_config_list) != SHIM_SEARCH_USABLE ||
        ech_exchange_new(&hello->exchange, &options) != ECH_OK) {
        end(hello);
        return NULL;
    }
    return hello;
}

static void tell(const char *what)
{
    shim_log(&shim_state()->settings, SHIM_LOG_INFO, "resolver: ECH %s", what);
}

/* RFC 9849, 6.1.6, by the same policy as programs' connections. */
static void rejected(struct resolver_hello *hello)
{
    const struct shim_settings *settings = &shim_state()->settings;
    struct ech_rejection rejection;
    ech_exchange_rejection(hello->exchange, &rejection);
    struct shim_policy_rejection facts = {
        .mode = settings->mode,
        .retry = settings->retry,
        .retries = hello->retries,
        .authenticated = !rejection.probe,
        .disabled = rejection.disabled,
        .tls12 = rejection.tls12,
    };
    facts.usable_config =
        facts.authenticated && !facts.disabled &&
        shim_found_replace(&hello->found, rejection.retry_configs) == SHIM_SEARCH_USABLE;
    struct shim_rejection_decision decision = shim_policy_rejected(&facts);
    hello->answer = decision.answer;
    if (decision.answer == SHIM_ANSWER_GIVE_UP) {
        tell(decision.reason);
        (void)ech_exchange_give_up(hello->exchange);
        hello->state = DNS_ECH_FAILED;
    } else {
        hello->state = DNS_ECH_WANTS_CONNECTION;
    }
}

static void handle(struct resolver_hello *hello, enum ech_event event)
{
    switch (event) {
    case ECH_EVENT_NONE:
        break;
    case ECH_EVENT_NEED_CONFIG:
        handle(hello, ech_exchange_offer(hello->exchange, &hello->found.choice));
        break;
    case ECH_EVENT_ACCEPTED:
        tell("accepted");
        hello->state = DNS_ECH_ACCEPTED;
        break;
    case ECH_EVENT_REJECTED:
        rejected(hello);
        break;
    case ECH_EVENT_FAILED:
        tell(ech_failure_name(ech_exchange_failure(hello->exchange)));
        hello->state = DNS_ECH_FAILED;
        break;
    }
}

static enum dns_ech_state state(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return hello->state;
}

static void from_app(void *exchange, struct bytes in)
{
    struct resolver_hello *hello = exchange;
    handle(hello, ech_exchange_from_app(hello->exchange, in));
}

static void from_net(void *exchange, struct bytes in)
{
    struct resolver_hello *hello = exchange;
    handle(hello, ech_exchange_from_net(hello->exchange, in));
}

static void net_closed(void *exchange)
{
    struct resolver_hello *hello = exchange;
    handle(hello, ech_exchange_net_closed(hello->exchange));
}

static struct bytes to_net(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return ech_exchange_to_net(hello->exchange);
}

static void net_took(void *exchange, size_t octets)
{
    struct resolver_hello *hello = exchange;
    ech_exchange_net_took(hello->exchange, octets);
}

static struct bytes to_app(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return ech_exchange_to_app(hello->exchange);
}

static void app_took(void *exchange, size_t octets)
{
    struct resolver_hello *hello = exchange;
    ech_exchange_app_took(hello->exchange, octets);
}

static size_t net_wanted(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return ech_exchange_net_wanted(hello->exchange);
}

static bool drained(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return ech_exchange_drained(hello->exchange);
}

static void reconnected(void *exchange)
{
    struct resolver_hello *hello = exchange;
    hello->state = DNS_ECH_UNDER_WAY;
    if (hello->answer == SHIM_ANSWER_RETRY) {
        hello->retries++;
        handle(hello, ech_exchange_retry(hello->exchange, &hello->found.choice));
        return;
    }
    bool done = ech_exchange_disable(hello->exchange) != ECH_EVENT_FAILED;
    tell(done ? "disabled" : ech_failure_name(ECH_FAILURE_INTERNAL));
    hello->state = done ? DNS_ECH_DISABLED : DNS_ECH_FAILED;
}

static struct bytes list(const void *exchange)
{
    const struct resolver_hello *hello = exchange;
    return hello->found.ech_config_list;
}

const struct dns_ech_functions *shim_resolver_ech(void)
{
    static const struct dns_ech_functions functions = {
        .begin = begin,
        .state = state,
        .from_app = from_app,
        .from_net = from_net,
        .net_closed = net_closed,
        .to_net = to_net,
        .net_took = net_took,
        .to_app = to_app,
        .app_took = app_took,
        .net_wanted = net_wanted,
        .drained = drained,
        .reconnected = reconnected,
        .list = list,
        .end = end,
    };
    return &functions;
}
