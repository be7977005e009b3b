/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/story.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shim/common/words.h"
#include "shim/engine/session/outer_name.h"
#include "shim/engine/state/log.h"

/* Records and ECHConfigs that are told of one answer or list; the rest is counted. */
enum { RECORDS_TOLD = 8, LISTS_TOLD = 3, CONFIGS_TOLD = 8, LINE = 512, ADDRESS = INET6_ADDRSTRLEN };

static bool is_told(const struct shim_session *session)
{
    return session->story != 0 && !shim_state()->stub->locked();
}

static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

__attribute__((format(printf, 2, 3))) static void tell(const struct shim_session *session,
                                                       const char *format, ...)
{
    char line[LINE];
    char host[DNS_HOST_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)snprintf(host, sizeof host, "%s", session->host[0] != '\0' ? session->host : "-");
    make_printable(line);
    make_printable(host);
    shim_log(&shim_state()->settings, SHIM_LOG_DEBUG, "%lu: %s: %s", session->story, host, line);
}

static const char *address_text(const struct shim_address *address, char out[ADDRESS])
{
    bool ipv4 = shim_address_family(address) == AF_INET;
    const uint8_t *octets = ipv4 ? address->octets + 12 : address->octets;
    return inet_ntop(ipv4 ? AF_INET : AF_INET6, octets, out, ADDRESS) != NULL ? out : "?";
}

/* ---- the beginning ---- */

static void tell_peer(const struct shim_session *session, const struct shim_peer *peer)
{
    char text[ADDRESS];
    struct shim_address address;
    if (peer->way.tunnel) {
        tell(session, "the connection goes through a proxy, which was asked for port %u",
             (unsigned)peer->way.port);
    } else if (peer->used) {
        tell(session, "the connection has carried other octets: it counts as one through a proxy");
    } else if (shim_address_of((const struct sockaddr *)&peer->address, &address)) {
        tell(session, "the connection leads to %s port %u%s", address_text(&address, text),
             (unsigned)peer->port, peer->doubtful ? ", as far as one can see" : "");
    } else {
        tell(session, "the connection is not known yet; port %u is assumed", (unsigned)peer->port);
    }
}

void shim_story_begin(struct shim_session *session, const struct shim_peer *peer)
{
    static atomic_ulong handshakes;
    const struct shim_engine_state *state = shim_state();
    if (state->settings.log_level < SHIM_LOG_DEBUG || state->stub->locked()) {
        return;
    }
    session->story = atomic_fetch_add(&handshakes, 1) + 1;
    tell(session, "%s begins a handshake, mode %s", session->report.library,
         shim_mode_name(session->host_settings.mode));
    tell_peer(session, peer);
}

/* ---- the search ---- */

/* The configs of a list, each with why it is used or not; `used` is the raw config that is. */
static void tell_configs(const struct shim_session *session, struct bytes list, const uint8_t *used)
{
    struct reader configs;
    struct ech_config config;
    struct ech_hpke_suite suite;
    unsigned number = 0;
    if (ech_config_list_begin(list, &configs) != ECH_OK) {
        tell(session, "the ECHConfigList is broken");
        return;
    }
    bool passed = false;
    while (ech_config_list_next(&configs, &config)) {
        bool is_used = config.raw.data == used;
        if (++number > CONFIGS_TOLD && !is_used) {
            continue;
        }
        enum ech_config_verdict verdict = ech_config_check(&config, NULL, &suite);
        if (verdict != ECH_CONFIG_USABLE) {
            tell(session, "ECHConfig %u is not used: %s", number,
                 shim_verdict_in_words(ech_config_verdict_name(verdict)));
        } else if (is_used) {
            passed = true;
            tell(session, "ECHConfig %u is used: id %u, public name %.*s, KEM %u, KDF %u, AEAD %u",
                 number, config.config_id, (int)config.public_name.len,
                 (const char *)config.public_name.data, suite.kem_id, suite.kdf_id, suite.aead_id);
        } else {
            tell(session, "ECHConfig %u is not used: %s", number,
                 passed ? "an earlier one is" : "its list is not");
        }
    }
    if (number > CONFIGS_TOLD) {
        tell(session, "the list has %u ECHConfigs; not all are told", number);
    }
}

static void tell_records(const struct shim_session *session)
{
    const struct shim_found *found = &session->found;
    const struct dns_endpoints *answer = found->answer;
    for (size_t i = 0; i < answer->count && i < RECORDS_TOLD; i++) {
        const struct dns_endpoint *record = &answer->endpoints[i];
        tell(session,
             "HTTPS record %zu: priority %u, target %s, port %u, ECHConfigList of %zu octets, %zu "
             "addresses as hints",
             i + 1, record->priority, record->target, record->port, record->ech_config_list.len,
             record->ipv4hint.len / 4 + record->ipv6hint.len / 16);
    }
    if (answer->count > RECORDS_TOLD) {
        tell(session, "there are %zu more records", answer->count - RECORDS_TOLD);
    }
    if (found->ech_config_list.len > 0) {
        return;
    }
    /* No list was chosen: each says why. */
    for (size_t i = 0, lists = 0; i < answer->count && lists < LISTS_TOLD; i++) {
        if (answer->endpoints[i].ech_config_list.len > 0) {
            lists++;
            tell_configs(session, answer->endpoints[i].ech_config_list, NULL);
        }
    }
}

static void tell_source(const struct shim_session *session)
{
    const struct shim_found *found = &session->found;
    const char *resolver = found->resolver != NULL ? found->resolver : "a resolver";
    if (found->resolver == NULL && found->answer == NULL) {
        tell(session, "%s",
             session->host_settings.config_list_given
                 ? "ECHSHIM_CONFIG_LIST is set: the DNS is not asked"
                 : "the DNS is not asked");
    } else if (found->answer != NULL && found->answer->result == DNS_FOUND) {
        tell(session, "%s has HTTPS records, %llu us after they were needed", resolver,
             (unsigned long long)found->lookup_us);
        tell_records(session);
    } else {
        tell(session, "%s has none, %llu us after they were needed: %s", resolver,
             (unsigned long long)found->lookup_us,
             shim_reason_in_words("", dns_reason_name(found->dns_reason)));
    }
}

static void tell_way(const struct shim_session *session)
{
    char text[ADDRESS];
    char endpoint[SHIM_ENDPOINT_SIZE];
    struct shim_address address;
    (void)shim_found_endpoint(&session->found, endpoint);
    if (session->redirect.moved) {
        tell(session, "the connection leads to %s now, for %s",
             shim_address_of(shim_session_peer(session), &address) ? address_text(&address, text)
                                                                   : "the endpoint",
             endpoint);
    } else if (session->redirect.pending) {
        tell(session, "the connection is led to %s when the hello leaves", endpoint);
    } else if (endpoint[0] != '\0') {
        tell(session, "the connection leads to the record's endpoint, %s", endpoint);
    }
}

void shim_story_search(const struct shim_session *session)
{
    const struct shim_found *found = &session->found;
    if (!is_told(session)) {
        return;
    }
    tell_source(session);
    if (found->source != NULL && strcmp(found->source, "retry_configs") == 0) {
        tell(session, "the server sent another ECHConfigList with an earlier rejection: it counts");
    }
    if (found->ech_config_list.len > 0) {
        tell_configs(session, found->ech_config_list,
                     found->search == SHIM_SEARCH_USABLE ? found->choice.config.raw.data : NULL);
    }
    tell_way(session);
}

void shim_story_decision(const struct shim_session *session)
{
    static const char *const actions[] = {
        [SHIM_ACTION_IGNORE] = "leave it alone: port not watched, or the program's own ECH",
        [SHIM_ACTION_SEARCH] = "search",
        [SHIM_ACTION_PLAIN] = "the program's own hello",
        [SHIM_ACTION_GREASE] = "the program's own hello, with GREASE",
        [SHIM_ACTION_OFFER] = "offer ECH",
        [SHIM_ACTION_REFUSE] = "refuse",
    };
    const struct shim_decision *decision = &session->decision;
    if (!is_told(session)) {
        return;
    }
    tell(session, "decision: %s%s%s", actions[decision->action],
         decision->reason != NULL ? ": " : "",
         decision->reason != NULL ? shim_reason_in_words("", decision->reason) : "");
}

/* ---- the hello and its answer ---- */

void shim_story_offer(const struct shim_session *session, bool prepared)
{
    if (!is_told(session)) {
        return;
    }
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    const struct bytes chosen = shim_session_outer_name(session);
    const struct bytes name = chosen.len > 0 ? chosen : session->found.choice.config.public_name;
    tell(session, "ClientHelloInner of %zu octets is sealed into ClientHelloOuter of %zu, for %.*s",
         facts.hello_bytes_inner, facts.hello_bytes_outer, (int)name.len, (const char *)name.data);
    if (prepared) {
        tell(session, "the sender of HPKE was prepared while the connection was made");
    }
}

void shim_story_rejected(const struct shim_session *session,
                         const struct shim_story_rejection *rejection)
{
    static const char *const answers[] = {
        [SHIM_ANSWER_RETRY] = "connect again, the same hello under the new key",
        [SHIM_ANSWER_DISABLE] = "connect again, without ECH",
        [SHIM_ANSWER_GIVE_UP] = "give up",
    };
    const struct shim_rejection_decision *decision = &rejection->decision;
    if (!is_told(session)) {
        return;
    }
    tell(session, "the server rejected ECH and %s the public name%s",
         rejection->known ? "proved to be" : "did not prove to be",
         rejection->probed ? " (a probe on another connection asked)" : "");
    if (rejection->disabled) {
        tell(session, "the server has no ECH any more");
    } else if (rejection->same_config) {
        tell(session, "another server of the same address takes the ECHConfig");
    } else if (rejection->retry_configs.len > 0) {
        tell(session, "the server sent an ECHConfigList of %zu octets",
             rejection->retry_configs.len);
    }
    tell(session, "decision: %s%s%s", answers[decision->answer],
         decision->reason != NULL ? ": " : "",
         decision->reason != NULL ? shim_reason_in_words("rejected", decision->reason) : "");
}

void shim_story_reconnected(const struct shim_session *session, enum shim_answer answer)
{
    if (!is_told(session)) {
        return;
    }
    tell(session, "a new connection is in the place of the old one");
    if (answer == SHIM_ANSWER_RETRY) {
        tell_configs(session, session->found.ech_config_list,
                     session->found.choice.config.raw.data);
    }
}

void shim_story_outcome(const struct shim_session *session)
{
    const struct shim_report *report = &session->report;
    if (!is_told(session)) {
        return;
    }
    if (report->hello_retry_request) {
        tell(session, "the server asked for a second hello (HelloRetryRequest)");
    }
    if (report->hello_us > 0) {
        tell(session, "the server's answer was judged %llu us after the hello was made",
             (unsigned long long)report->hello_us);
    }
    tell(session, "outcome: %s%s%s%s", shim_outcome_in_words(report->outcome),
         report->reason != NULL ? ": " : "",
         report->reason != NULL ? shim_reason_in_words(report->outcome, report->reason) : "",
         report->retries > 0 ? ", after a retry" : "");
}
