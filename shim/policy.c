/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/policy.h"

#include <stddef.h>

/*
 * RFC 9849, 6.2.1: GREASE is for a hello that could have had ECH, as far as the client is
 * concerned. Mode grease is asked for by name, so that the setting has no part in it.
 */
static bool greases(const struct shim_policy_facts *facts)
{
    bool wanted = facts->mode == SHIM_MODE_GREASE ||
                  (facts->mode == SHIM_MODE_OPPORTUNISTIC && facts->grease);
    return wanted && !facts->quic && facts->library_supported && facts->tls13;
}

/* Without ECH a connection passes, but for strict mode, and where ECH failed before: then it would
 * be the weaker attempt that an attacker waits for. */
static struct shim_decision without_ech(const struct shim_policy_facts *facts, const char *reason)
{
    struct shim_decision decision = {.action = SHIM_ACTION_PLAIN, .reason = reason};
    if (facts->mode == SHIM_MODE_STRICT) {
        decision.action = SHIM_ACTION_REFUSE;
    } else if (facts->ech_failed) {
        decision = (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = "downgrade"};
    } else if (greases(facts)) {
        decision.action = SHIM_ACTION_GREASE;
    }
    return decision;
}

struct shim_decision shim_policy_begin(const struct shim_policy_facts *facts)
{
    if (facts->mode == SHIM_MODE_OFF || !facts->port_watched) {
        return (struct shim_decision){.action = SHIM_ACTION_IGNORE};
    }
    if (facts->quic) {
        return without_ech(facts, "quic");
    }
    if (!facts->library_supported) {
        return without_ech(facts, "library");
    }
    if (!facts->name) {
        /* RFC 9460, 9.4: without server_name no HTTPS record may be used. */
        return without_ech(facts, "no_name");
    }
    if (!facts->tls13) {
        return without_ech(facts, "no_tls13");
    }
    if (facts->mode == SHIM_MODE_GREASE) {
        return without_ech(facts, "mode");
    }
    return (struct shim_decision){.action = SHIM_ACTION_SEARCH};
}

struct shim_decision shim_policy_decide(const struct shim_policy_facts *facts,
                                        enum shim_search search)
{
    switch (search) {
    case SHIM_SEARCH_USABLE:
        return (struct shim_decision){.action = SHIM_ACTION_OFFER};
    case SHIM_SEARCH_NO_RECORD:
        return without_ech(facts, facts->detail != NULL ? facts->detail : "no_record");
    case SHIM_SEARCH_ELSEWHERE:
        return without_ech(facts, "other_endpoint");
    case SHIM_SEARCH_DISABLED:
        return without_ech(facts, "disabled");
    case SHIM_SEARCH_UNUSABLE:
        return without_ech(facts, "no_usable_config");
    case SHIM_SEARCH_FAILED:
        return without_ech(facts, facts->detail != NULL ? facts->detail : "lookup_failed");
    case SHIM_SEARCH_BAD_SETTINGS:
        return without_ech(facts, "settings");
    }
    return (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = "internal"};
}

static struct shim_rejection_decision give_up(const char *reason, bool keep)
{
    return (struct shim_rejection_decision){
        .answer = SHIM_ANSWER_GIVE_UP, .reason = reason, .keep = keep};
}

struct shim_rejection_decision shim_policy_rejected(const struct shim_policy_rejection *rejection)
{
    if (!rejection->retry) {
        return give_up("retry_off", false);
    }
    if (!rejection->authenticated) {
        return give_up("unauthenticated", false);
    }
    if (rejection->disabled) {
        if (rejection->mode == SHIM_MODE_STRICT) {
            return give_up("disabled", false);
        }
        if (rejection->no_connection != NULL) {
            return give_up(rejection->no_connection, true);
        }
        /* Kept as well: this hello may fail for what makes it an inner one (a server that takes TLS
         * 1.2 alone, or no such extension), and then the program's next attempt is a normal one. */
        return (struct shim_rejection_decision){.answer = SHIM_ANSWER_DISABLE, .keep = true};
    }
    if (!rejection->usable_config) {
        /* The server has replaced ECH, not disabled it: neither is possible (RFC 9849, 6.1.6). */
        return give_up("no_usable_config", false);
    }
    if (rejection->retries > 0) {
        /* RFC 9849, 6.1.6: a connection made for a retry config takes no other. */
        return give_up("rejected_again", false);
    }
    if (rejection->no_connection != NULL) {
        return give_up(rejection->no_connection, true);
    }
    return (struct shim_rejection_decision){.answer = SHIM_ANSWER_RETRY};
}
