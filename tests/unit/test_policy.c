/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of decisions, row by row and mode by mode. */
#include <criterion/criterion.h>
#include <string.h>

#include "shim/policy.h"

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

/* Not our port: not our business, whatever else is missing. */
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

Test(policy, what_was_found)
{
    static const struct {
        enum shim_search search;
        const char *reason;
    } rows[] = {{SHIM_SEARCH_NO_RECORD, "no_record"},
                {SHIM_SEARCH_ELSEWHERE, "other_endpoint"},
                {SHIM_SEARCH_UNUSABLE, "no_usable_config"},
                {SHIM_SEARCH_FAILED, "lookup_failed"},
                {SHIM_SEARCH_BAD_SETTINGS, "settings"}};
    static const struct {
        enum shim_mode mode;
        enum shim_action without;
    } modes[] = {{SHIM_MODE_OPPORTUNISTIC, SHIM_ACTION_PLAIN},
                 {SHIM_MODE_STRICT, SHIM_ACTION_REFUSE}};
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        struct shim_policy_facts facts = everything;
        facts.mode = modes[m].mode;
        struct shim_decision decision = shim_policy_decide(&facts, SHIM_SEARCH_USABLE);
        cr_assert_eq(decision.action, SHIM_ACTION_OFFER);
        cr_assert_null(decision.reason);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            decision = shim_policy_decide(&facts, rows[i].search);
            cr_assert_eq(decision.action, modes[m].without, "%s", rows[i].reason);
            cr_assert_str_eq(decision.reason, rows[i].reason);
        }
    }
}

/* ---- after a rejection ---- */

static const struct shim_policy_rejection rotated = {
    .mode = SHIM_MODE_OPPORTUNISTIC, .retry = true, .authenticated = true, .usable_config = true};

static void check_rejected(const struct shim_policy_rejection *rejection, enum shim_answer answer,
                           const char *reason, bool keep)
{
    for (int strict = 0; strict < 2; strict++) {
        struct shim_policy_rejection facts = *rejection;
        facts.mode = strict == 1 ? SHIM_MODE_STRICT : facts.mode;
        struct shim_rejection_decision decision = shim_policy_rejected(&facts);
        cr_assert_eq(decision.answer, answer);
        cr_assert_eq(decision.keep, keep);
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
        cr_assert_not(decision.keep);
    }
}

Test(policy, ech_75_ech_76_who_is_not_authenticated_does_not_count)
{
    struct shim_policy_rejection facts = rotated;
    facts.authenticated = false;
    check_rejected(&facts, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
    facts.disabled = true;
    facts.no_connection = "descriptor_shared";
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
