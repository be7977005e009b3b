/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/policy/policy.h"

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
    if (facts->locked_in) {
        return without_ech(facts, "locked_in");
    }
    return (struct shim_decision){.action = SHIM_ACTION_SEARCH};
}

/* Where nothing but ECH will do there is nothing to go on with; and who asks under encryption is
 * not told by silence that there are no records (RFC 9460, 3.1). */
bool shim_policy_waits_for_records(const struct shim_policy_facts *facts)
{
    return facts->mode == SHIM_MODE_STRICT || facts->dns_protected || facts->ech_failed;
}

static struct shim_decision refuse(const char *reason)
{
    return (struct shim_decision){.action = SHIM_ACTION_REFUSE, .reason = reason};
}

/* The look-up's own word for what it gave. */
static const char *told_by_dns(const struct shim_policy_facts *facts, const char *otherwise)
{
    return facts->dns_reason != DNS_REASON_OK ? dns_reason_name(facts->dns_reason) : otherwise;
}

/*
 * RFC 9460, 3.1 and RFC 9848, 8: where answers are protected, a look-up that fails is an attack or
 * looks like one, and the attempt is given up. A resolver's authentic word that it does not answer
 * such questions is neither.
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
        /* RFC 9848, 5.1: no direct connection then. */
        return facts->all_have_ech ? refuse("svcb_reliant") : without_ech(facts, "other_endpoint");
    case SHIM_SEARCH_UNREACHABLE:
        /* RFC 9848, 8: who blocks the endpoints with ech must not gain a hello without. */
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
        /* Whoever set it wants ECH: a typing error must not cost the name. */
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
        if (rejection->no_connection != NULL) {
            return give_up(rejection->no_connection, true);
        }
        /* Kept as well: this hello may fail for what makes it an inner one (a server that takes TLS
         * 1.2 alone, or no such extension), and then the program's next attempt is a normal one. */
        return (struct shim_rejection_decision){.answer = SHIM_ANSWER_DISABLE, .remember = true};
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
