/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of decisions, row by row and mode by mode. */
#include <criterion/criterion.h>
#include <string.h>

#include "shim/engine/policy/policy.h"

static const struct shim_policy_facts everything = {
    .port_watched = true, .library_supported = true, .tls13 = true, .name = true};

static void check_begin(struct shim_policy_facts facts, enum shim_mode mode,
                        enum shim_action action, const char *reason)
{
    facts.mode = mode;
    struct shim_decision decision = shim_policy_begin(&facts);
    cr_assert_eq(decision.action, action, "mode %s: action %d", shim_mode_name(mode),
                 decision.action);
    if (reason == NULL) {
        cr_assert_null(decision.reason);
    } else {
        cr_assert_str_eq(decision.reason, reason);
    }
}

Test(policy, everything_is_there)
{
    check_begin(everything, SHIM_MODE_OFF, SHIM_ACTION_IGNORE, NULL);
    check_begin(everything, SHIM_MODE_OPPORTUNISTIC, SHIM_ACTION_SEARCH, NULL);
    check_begin(everything, SHIM_MODE_STRICT, SHIM_ACTION_SEARCH, NULL);
}

/* Another port is not our business, whatever else is missing. */
Test(policy, port_is_not_watched)
{
    for (int missing = 0; missing < 2; missing++) {
        struct shim_policy_facts facts =
            missing != 0 ? (struct shim_policy_facts){.quic = true} : everything;
        facts.port_watched = false;
        for (int mode = SHIM_MODE_OFF; mode <= SHIM_MODE_STRICT; mode++) {
            check_begin(facts, (enum shim_mode)mode, SHIM_ACTION_IGNORE, NULL);
        }
    }
}

Test(policy, something_is_missing)
{
    struct {
        struct shim_policy_facts facts;
        const char *reason;
    } rows[] = {{everything, "quic"},
                {everything, "library"},
                {everything, "no_name"},
                {everything, "no_tls13"}};
    rows[0].facts.quic = true;
    rows[1].facts.library_supported = false;
    rows[2].facts.name = false;
    rows[3].facts.tls13 = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_begin(rows[i].facts, SHIM_MODE_OFF, SHIM_ACTION_IGNORE, NULL);
        check_begin(rows[i].facts, SHIM_MODE_OPPORTUNISTIC, SHIM_ACTION_PLAIN, rows[i].reason);
        check_begin(rows[i].facts, SHIM_MODE_STRICT, SHIM_ACTION_REFUSE, rows[i].reason);
    }
}

/* A list that is set for every name serves a hello without one; nothing else that is missing may
 * be.
 */
Test(policy, without_a_name_but_with_a_list_for_every_name)
{
    struct shim_policy_facts facts = everything;
    facts.name = false;
    facts.every_name = true;
    check_begin(facts, SHIM_MODE_OFF, SHIM_ACTION_IGNORE, NULL);
    check_begin(facts, SHIM_MODE_OPPORTUNISTIC, SHIM_ACTION_SEARCH, NULL);
    check_begin(facts, SHIM_MODE_STRICT, SHIM_ACTION_SEARCH, NULL);
    facts.tls13 = false;
    check_begin(facts, SHIM_MODE_STRICT, SHIM_ACTION_REFUSE, "no_tls13");
}

enum { OPPORTUNISTIC, STRICT, RULES };

/* The decision after a search, in opportunistic and in strict mode. */
static void check_decision(struct shim_policy_facts facts, enum shim_config_search_result search,
                           enum shim_action opportunistic, const char *reason)
{
    for (int rule = OPPORTUNISTIC; rule < RULES; rule++) {
        facts.mode = rule == STRICT ? SHIM_MODE_STRICT : SHIM_MODE_OPPORTUNISTIC;
        struct shim_decision decision = shim_policy_decide(&facts, search);
        enum shim_action expected = rule == STRICT && opportunistic != SHIM_ACTION_OFFER
                                        ? SHIM_ACTION_REFUSE
                                        : opportunistic;
        cr_assert_eq(decision.action, expected, "%s: action %d", reason, decision.action);
        cr_assert(reason == NULL ? decision.reason == NULL
                                 : decision.reason != NULL && strcmp(decision.reason, reason) == 0,
                  "%s, not %s", decision.reason, reason);
    }
}

Test(policy, what_was_found)
{
    static const struct {
        enum shim_config_search_result search;
        enum shim_action action;
        const char *reason;
    } rows[] = {{SHIM_SEARCH_USABLE, SHIM_ACTION_OFFER, NULL},
                {SHIM_SEARCH_NO_RECORD, SHIM_ACTION_PLAIN, "no_record"},
                {SHIM_SEARCH_UNUSABLE, SHIM_ACTION_PLAIN, "no_usable_config"},
                {SHIM_SEARCH_DISABLED, SHIM_ACTION_PLAIN, "disabled"},
                {SHIM_SEARCH_FAILED, SHIM_ACTION_PLAIN, "lookup_failed"},
                {SHIM_SEARCH_BAD_SETTINGS, SHIM_ACTION_REFUSE, "settings"},
                {SHIM_SEARCH_PRIVATE_NAME, SHIM_ACTION_PLAIN, "private_name"},
                {SHIM_SEARCH_PRIVATE_ADDRESS, SHIM_ACTION_PLAIN, "private_address"},
                {SHIM_SEARCH_TUNNEL, SHIM_ACTION_PLAIN, "tunnel"},
                {SHIM_SEARCH_UNREDIRECTABLE, SHIM_ACTION_PLAIN, "other_endpoint"},
                {SHIM_SEARCH_UNREACHABLE, SHIM_ACTION_REFUSE, "no_endpoint"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_decision(everything, rows[i].search, rows[i].action, rows[i].reason);
    }
}

/* Without ech, RFC 9849, 6.2 allows GREASE where a plain hello would pass. */
Test(policy, svcb_29_svcb_31_without_ech_there_is_grease)
{
    struct shim_policy_facts facts = everything;
    facts.grease = true;
    check_decision(facts, SHIM_SEARCH_NO_RECORD, SHIM_ACTION_GREASE, "no_record");
    facts.dns_reason = DNS_REASON_NXDOMAIN;
    facts.dns_protected = true;
    check_decision(facts, SHIM_SEARCH_NO_RECORD, SHIM_ACTION_GREASE, "nxdomain");
    check_decision(facts, SHIM_SEARCH_UNREDIRECTABLE, SHIM_ACTION_GREASE, "other_endpoint");
}

/* All endpoints have ech (RFC 9848, 5.1): if the connection cannot lead to one, no hello without
 * ECH goes out. */
Test(policy, svcb_48_svcb_49_reliant)
{
    struct shim_policy_facts facts = everything;
    facts.grease = true;
    facts.all_have_ech = true;
    check_decision(facts, SHIM_SEARCH_UNREDIRECTABLE, SHIM_ACTION_REFUSE, "svcb_reliant");
    check_decision(facts, SHIM_SEARCH_UNREACHABLE, SHIM_ACTION_REFUSE, "no_endpoint");
    /* In a mixed set too, endpoints with ech that do not answer are not bypassed. */
    facts.all_have_ech = false;
    check_decision(facts, SHIM_SEARCH_UNREACHABLE, SHIM_ACTION_REFUSE, "no_endpoint");
}

/* Formally such records have ech: the hello goes to their endpoint, with GREASE (RFC 9849, 6.1). */
Test(policy, svcb_60_reliant_and_unusable)
{
    struct shim_policy_facts facts = everything;
    facts.grease = true;
    facts.all_have_ech = true;
    check_decision(facts, SHIM_SEARCH_UNUSABLE, SHIM_ACTION_GREASE, "no_usable_config");
}

/* Over protected DNS a failed look-up ends the attempt, but an authentic refusal to answer does
 * not. Over plain DNS a failure proves nothing. */
Test(policy, svcb_33_svcb_34_svcb_59_look_ups_that_fail)
{
    struct shim_policy_facts facts = everything;
    facts.grease = true;
    for (int reason = DNS_REASON_TIMEOUT;
         strcmp(dns_reason_name((enum dns_reason)reason), "unknown") != 0; reason++) {
        const char *name = dns_reason_name((enum dns_reason)reason);
        bool said = reason == DNS_REASON_REFUSED || reason == DNS_REASON_FORMERR ||
                    reason == DNS_REASON_RCODE;
        facts.dns_reason = (enum dns_reason)reason;
        facts.dns_protected = false;
        check_decision(facts, SHIM_SEARCH_FAILED, SHIM_ACTION_GREASE, name);
        facts.dns_protected = true;
        check_decision(facts, SHIM_SEARCH_FAILED, said ? SHIM_ACTION_GREASE : SHIM_ACTION_REFUSE,
                       name);
    }
}

/* ---- after a rejection ---- */

static const struct shim_policy_rejection rotated = {
    .mode = SHIM_MODE_OPPORTUNISTIC, .retry = true, .authenticated = true, .usable_config = true};

static void check_rejected(const struct shim_policy_rejection *rejection, enum shim_answer answer,
                           const char *reason, bool remember)
{
    for (int strict = 0; strict < 2; strict++) {
        struct shim_policy_rejection facts = *rejection;
        facts.mode = strict == 1 ? SHIM_MODE_STRICT : facts.mode;
        struct shim_rejection_decision decision = shim_policy_rejected(&facts);
        cr_assert_eq(decision.answer, answer);
        cr_assert_eq(decision.remember, remember);
        cr_assert(reason == NULL ? decision.reason == NULL
                                 : decision.reason != NULL && strcmp(decision.reason, reason) == 0);
    }
}

Test(policy, ech_83_ech_87_ech_91_one_retry_by_configs)
{
    struct shim_policy_rejection facts = rotated;
    check_rejected(&facts, SHIM_ANSWER_RETRY, NULL, false);
    facts.retries = 1;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "rejected_again", false);
}

Test(policy, ech_86_ech_88_securely_disabled)
{
    struct shim_policy_rejection facts = rotated;
    facts.disabled = true;
    facts.usable_config = false;
    for (facts.retries = 0; facts.retries < 2; facts.retries++) {
        facts.mode = SHIM_MODE_OPPORTUNISTIC;
        cr_assert_eq(shim_policy_rejected(&facts).answer, SHIM_ANSWER_DISABLE);
        facts.mode = SHIM_MODE_STRICT;
        struct shim_rejection_decision decision = shim_policy_rejected(&facts);
        cr_assert_eq(decision.answer, SHIM_ANSWER_GIVE_UP);
        cr_assert_str_eq(decision.reason, "disabled");
        cr_assert_not(decision.remember);
    }
}

/* A library with an ECH client of its own takes a handshake without ECH for a rejection: the
 * attempt ends, and the next one is without ECH. */
Test(policy, ech_86_securely_disabled_with_ech_of_the_library)
{
    struct shim_policy_rejection facts = rotated;
    facts.library_ech = true;
    check_rejected(&facts, SHIM_ANSWER_RETRY, NULL, false);
    facts.disabled = true;
    struct shim_rejection_decision decision = shim_policy_rejected(&facts);
    cr_assert_eq(decision.answer, SHIM_ANSWER_GIVE_UP);
    cr_assert_str_eq(decision.reason, "disabled");
    cr_assert(decision.remember);
    facts.mode = SHIM_MODE_STRICT;
    decision = shim_policy_rejected(&facts);
    cr_assert_eq(decision.answer, SHIM_ANSWER_GIVE_UP);
    cr_assert_not(decision.remember);
}

/* The inner hello offers TLS 1.3 alone, so it is no use to that server. */
Test(policy, ech_86_securely_disabled_by_a_server_without_tls_13)
{
    struct shim_policy_rejection facts = rotated;
    facts.disabled = true;
    facts.tls12 = true;
    struct shim_rejection_decision decision = shim_policy_rejected(&facts);
    cr_assert_eq(decision.answer, SHIM_ANSWER_GIVE_UP);
    cr_assert_str_eq(decision.reason, "disabled");
    cr_assert(decision.remember);
    facts.mode = SHIM_MODE_STRICT;
    decision = shim_policy_rejected(&facts);
    cr_assert_eq(decision.answer, SHIM_ANSWER_GIVE_UP);
    cr_assert_str_eq(decision.reason, "disabled");
    cr_assert_not(decision.remember);
}

Test(policy, ech_75_ech_76_who_is_not_authenticated_does_not_count)
{
    struct shim_policy_rejection facts = rotated;
    facts.authenticated = false;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
    facts.disabled = true;
    facts.no_connection = "descriptor_shared";
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
    /* Nor may the report say that only a setting stood in the way. */
    facts.retry = false;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
}

Test(policy, ech_89_no_retry_is_an_error)
{
    struct shim_policy_rejection facts = rotated;
    facts.no_connection = "descriptor_shared";
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "descriptor_shared", true);
    facts.retry = false;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "retry_off", false);
    facts.disabled = true;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "retry_off", false);
}

Test(policy, ech_95_only_unusable_configs)
{
    struct shim_policy_rejection facts = rotated;
    facts.usable_config = false;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "no_usable_config", false);
    facts.no_connection = "descriptor_shared";
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "no_usable_config", false);
}
