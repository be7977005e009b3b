/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/policy.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct shim_policy_rejection usual = {
    .mode = SHIM_MODE_OPPORTUNISTIC, .retry = true, .authenticated = true, .usable_config = true};

static void check(struct shim_policy_rejection rejection, enum shim_answer answer,
                  const char *reason, bool keep)
{
    struct shim_rejection_decision decision = shim_policy_rejected(&rejection);
    cr_assert_eq(decision.answer, answer);
    cr_assert_eq(decision.keep, keep);
    if (reason != NULL) {
        cr_assert_str_eq(decision.reason, reason);
    } else {
        cr_assert_null(decision.reason);
    }
}

Test(policy_rejected, ech_83_one_retry)
{
    struct shim_policy_rejection rejection = usual;
    check(rejection, SHIM_ANSWER_RETRY, NULL, false);
    rejection.mode = SHIM_MODE_STRICT;
    check(rejection, SHIM_ANSWER_RETRY, NULL, false);
}

Test(policy_rejected, ech_87_no_second_retry)
{
    struct shim_policy_rejection rejection = usual;
    rejection.retries = 1;
    check(rejection, SHIM_ANSWER_GIVE_UP, "rejected_again", false);
}

Test(policy_rejected, ech_88_disablement_after_a_retry)
{
    struct shim_policy_rejection rejection = usual;
    rejection.retries = 1;
    rejection.disabled = true;
    check(rejection, SHIM_ANSWER_DISABLE, NULL, true);
}

Test(policy_rejected, ech_75_76_nothing_from_an_impostor)
{
    struct shim_policy_rejection rejection = usual;
    rejection.authenticated = false;
    check(rejection, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
    rejection.disabled = true;
    check(rejection, SHIM_ANSWER_GIVE_UP, "unauthenticated", false);
}

Test(policy_rejected, ech_86_disablement_is_not_for_strict_mode)
{
    struct shim_policy_rejection rejection = usual;
    rejection.disabled = true;
    check(rejection, SHIM_ANSWER_DISABLE, NULL, true);
    rejection.mode = SHIM_MODE_STRICT;
    check(rejection, SHIM_ANSWER_GIVE_UP, "disabled", false);
}

Test(policy_rejected, ech_95_replaced_by_what_we_cannot_do)
{
    struct shim_policy_rejection rejection = usual;
    rejection.usable_config = false;
    check(rejection, SHIM_ANSWER_GIVE_UP, "no_usable_config", false);
}

Test(policy_rejected, ech_91_kept_where_no_connection_can_be_made)
{
    struct shim_policy_rejection rejection = usual;
    rejection.no_connection = "descriptor_shared";
    check(rejection, SHIM_ANSWER_GIVE_UP, "descriptor_shared", true);
    rejection.disabled = true;
    check(rejection, SHIM_ANSWER_GIVE_UP, "descriptor_shared", true);
}

Test(policy_rejected, ech_89_switched_off)
{
    struct shim_policy_rejection rejection = usual;
    rejection.retry = false;
    check(rejection, SHIM_ANSWER_GIVE_UP, "retry_off", false);
    rejection.disabled = true;
    check(rejection, SHIM_ANSWER_GIVE_UP, "retry_off", false);
}
