/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/policy/policy.h"

#include <stddef.h>

/*
 * RFC 9849, 6.2.1: GREASE belongs into a hello that could have had ECH. Mode grease asks for it by
 * name, so ECHSHIM_GREASE does not count there.
 */
static bool greases(const struct shim_policy_facts *facts)
{
    bool wanted = facts->mode == SHIM_MODE_GREASE ||
                  (facts->mode == SHIM_MODE_OPPORTUNISTIC && facts->grease);
    return wanted && !facts->quic && facts->library_supported && facts->tls13 &&
           !facts->own_grease && !facts->own_extension;
}

/* Without ECH a connection passes, except in strict mode, or after a failure of ECH: that would be
 * the weaker attempt that an attacker waits for. */
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
    if (facts->spent) {
        /* The library would fail in the middle of this handshake, whatever the mode. */
        return (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = "reused"};
    }
    if (facts->mode == SHIM_MODE_OFF || !facts->port_watched || facts->own_ech) {
        /* The wire guard judges the hello of a program with ECH of its own. */
        return (struct shim_decision){.action = SHIM_ACTION_IGNORE};
    }
    if (facts->quic) {
        return without_ech(facts, "quic");
    }
    if (!facts->library_supported) {
        return without_ech(facts, "library");
    }
    if (facts->own_grease) {
        return without_ech(facts, "own_grease");
    }
    if (facts->own_extension) {
        return without_ech(facts, "own_extension");
    }
    if (!facts->name && !facts->every_name) {
        /* RFC 9460, 9.4: without server_name no HTTPS record may be used. */
        return without_ech(facts, "no_name");
    }
    if (!facts->tls13) {
        return without_ech(facts, "no_tls13");
    }
    if (facts->mode == SHIM_MODE_GREASE) {
        return without_ech(facts, "mode");
    }
    if (facts->locked_in) {
        return without_ech(facts, "locked_in");
    }
    return (struct shim_decision){.action = SHIM_ACTION_SEARCH};
}

/* In strict mode, and after a failure, the program cannot go on without the records. Over an
 * encrypted resolver silence does not mean that there are no records (RFC 9460, 3.1). */
bool shim_policy_waits_for_records(const struct shim_policy_facts *facts)
{
    return facts->mode == SHIM_MODE_STRICT || facts->dns_protected || facts->ech_failed;
}

static struct shim_decision refuse(const char *reason)
{
    return (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = reason};
}

/* The reason that the look-up itself gave; otherwise the other word. */
static const char *told_by_dns(const struct shim_policy_facts *facts, const char *otherwise)
{
    return facts->dns_reason != DNS_REASON_OK ? dns_reason_name(facts->dns_reason) : otherwise;
}

/*
 * RFC 9460, 3.1 and RFC 9848, 8: where answers are authenticated, a failed look-up may be an
 * attack, so the attempt is given up. But a resolver's authenticated refusal to answer such
 * questions is no attack.
 */
static bool looks_like_an_attack(const struct shim_policy_facts *facts)
{
    switch (facts->dns_reason) {
    case DNS_REASON_REFUSED:
    case DNS_REASON_FORMERR:
    case DNS_REASON_RCODE:
        return false;
    default:
        return facts->dns_protected;
    }
}

struct shim_decision shim_policy_decide(const struct shim_policy_facts *facts,
                                        enum shim_config_search_result search)
{
    switch (search) {
    case SHIM_SEARCH_USABLE:
        return (struct shim_decision){.action = SHIM_ACTION_OFFER};
    case SHIM_SEARCH_NO_RECORD:
        return without_ech(facts, told_by_dns(facts, "no_record"));
    case SHIM_SEARCH_UNREDIRECTABLE:
        /* RFC 9848, 5.1 forbids a direct connection then. */
        return facts->all_have_ech ? refuse("svcb_reliant") : without_ech(facts, "other_endpoint");
    case SHIM_SEARCH_UNREACHABLE:
        /* RFC 9848, 8: an attacker who blocks the endpoints with ech must not get a hello without
         * it. */
        return refuse("no_endpoint");
    case SHIM_SEARCH_DISABLED:
        return without_ech(facts, "disabled");
    case SHIM_SEARCH_UNUSABLE:
        return without_ech(facts, "no_usable_config");
    case SHIM_SEARCH_FAILED:
        return looks_like_an_attack(facts)
                   ? refuse(told_by_dns(facts, "lookup_failed"))
                   : without_ech(facts, told_by_dns(facts, "lookup_failed"));
    case SHIM_SEARCH_BAD_SETTINGS:
        /* The user wants ECH: a typing error must not reveal the name. */
        return refuse("settings");
    case SHIM_SEARCH_PRIVATE_NAME:
        return without_ech(facts, "private_name");
    case SHIM_SEARCH_PRIVATE_ADDRESS:
        return without_ech(facts, "private_address");
    case SHIM_SEARCH_TUNNEL:
        return without_ech(facts, "tunnel");
    }
    return refuse("internal");
}

static struct shim_rejection_decision give_up(const char *reason, bool remember)
{
    return (struct shim_rejection_decision){
        .answer = SHIM_ANSWER_GIVE_UP, .reason = reason, .remember = remember};
}

bool shim_policy_keeps_retry_configs(bool set_by_hand)
{
    return set_by_hand;
}

struct shim_rejection_decision shim_policy_rejected(const struct shim_policy_rejection *rejection)
{
    if (!rejection->authenticated) {
        return give_up("unauthenticated", false);
    }
    if (!rejection->retry) {
        return give_up("retry_off", false);
    }
    if (rejection->disabled) {
        if (rejection->mode == SHIM_MODE_STRICT) {
            return give_up("disabled", false);
        }
        if (rejection->library_ech || rejection->tls12) {
            return give_up("disabled", true); /* the next attempt is a hello without ECH */
        }
        if (rejection->no_connection != NULL) {
            return give_up(rejection->no_connection, true);
        }
        /* Remembered too: this hello may fail because it is an inner one (the server takes only TLS
         * 1.2, or no such extension). The program's next attempt is then a normal hello. */
        return (struct shim_rejection_decision){.answer = SHIM_ANSWER_DISABLE, .remember = true};
    }
    if (!rejection->usable_config) {
        /* The server has replaced ECH, not disabled it: so neither a retry nor a connection without
         * ECH is possible (RFC 9849, 6.1.6). */
        return give_up("no_usable_config", false);
    }
    if (rejection->retries > 0) {
        /* RFC 9849, 6.1.6: a connection with retry_configs must not be retried again. */
        return give_up("rejected_again", false);
    }
    if (rejection->no_connection != NULL) {
        return give_up(rejection->no_connection, true);
    }
    return (struct shim_rejection_decision){.answer = SHIM_ANSWER_RETRY};
}
