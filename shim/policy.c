/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/policy.h"

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

/* Without ECH a connection passes, but for strict mode. */
static struct shim_decision without_ech(const struct shim_policy_facts *facts, const char *reason)
{
    struct shim_decision decision = {.action = SHIM_ACTION_PLAIN, .reason = reason};
    if (facts->mode == SHIM_MODE_STRICT) {
        decision.action = SHIM_ACTION_REFUSE;
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
        return without_ech(facts, "no_record");
    case SHIM_SEARCH_ELSEWHERE:
        return without_ech(facts, "other_endpoint");
    case SHIM_SEARCH_UNUSABLE:
        return without_ech(facts, "no_usable_config");
    case SHIM_SEARCH_FAILED:
        return without_ech(facts, "lookup_failed");
    case SHIM_SEARCH_BAD_SETTINGS:
        return without_ech(facts, "settings");
    }
    return (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = "internal"};
}
