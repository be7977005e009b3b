/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where GREASE ECH is sent, and where not. */
#include <criterion/criterion.h>
#include <string.h>

#include "settings_rig.h"
#include "shim/engine/policy/policy.h"

static const struct shim_policy_facts usual = {
    .mode = SHIM_MODE_OPPORTUNISTIC,
    .port_watched = true,
    .library_supported = true,
    .tls13 = true,
    .name = true,
    .grease = true,
};

static const enum shim_config_search_result fruitless[] = {
    SHIM_SEARCH_NO_RECORD, SHIM_SEARCH_UNREDIRECTABLE, SHIM_SEARCH_UNUSABLE, SHIM_SEARCH_FAILED};

static void decides(const struct shim_policy_facts *facts, enum shim_action action)
{
    for (size_t i = 0; i < sizeof fruitless / sizeof *fruitless; i++) {
        struct shim_decision decision = shim_policy_decide(facts, fruitless[i]);
        cr_assert_eq(decision.action, action, "search %zu", i);
        cr_assert_not_null(decision.reason);
    }
}

static void begins(const struct shim_policy_facts *facts, enum shim_action action,
                   const char *reason)
{
    struct shim_decision decision = shim_policy_begin(facts);
    cr_assert_eq(decision.action, action);
    if (reason == NULL) {
        cr_assert_null(decision.reason);
    } else {
        cr_assert_str_eq(decision.reason, reason);
    }
}

Test(grease_policy, ech_96_where_there_is_no_config)
{
    decides(&usual, SHIM_ACTION_GREASE);
    cr_assert_eq(shim_policy_decide(&usual, SHIM_SEARCH_USABLE).action, SHIM_ACTION_OFFER);
    cr_assert_str_eq(shim_policy_decide(&usual, SHIM_SEARCH_NO_RECORD).reason, "no_record");
}

Test(grease_policy, ech_96_without_a_name)
{
    struct shim_policy_facts facts = usual;
    facts.name = false;
    begins(&facts, SHIM_ACTION_GREASE, "no_name");
    facts.tls13 = false;
    begins(&facts, SHIM_ACTION_PLAIN, "no_name");
}

Test(grease_policy, off)
{
    struct shim_policy_facts facts = usual;
    facts.grease = false;
    decides(&facts, SHIM_ACTION_PLAIN);
}

Test(grease_policy, strict_refuses_whatever_the_setting)
{
    struct shim_policy_facts facts = usual;
    facts.mode = SHIM_MODE_STRICT;
    decides(&facts, SHIM_ACTION_REFUSE);
    facts.grease = false;
    decides(&facts, SHIM_ACTION_REFUSE);
    facts.name = false;
    begins(&facts, SHIM_ACTION_REFUSE, "no_name");
}

Test(grease_policy, mode_grease_searches_nothing_and_heeds_no_setting)
{
    struct shim_policy_facts facts = usual;
    facts.mode = SHIM_MODE_GREASE;
    begins(&facts, SHIM_ACTION_GREASE, "mode");
    facts.grease = false;
    begins(&facts, SHIM_ACTION_GREASE, "mode");
    facts.mode = SHIM_MODE_OFF;
    begins(&facts, SHIM_ACTION_IGNORE, NULL);
}

static const enum shim_mode with_grease[] = {SHIM_MODE_OPPORTUNISTIC, SHIM_MODE_GREASE};

Test(grease_policy, only_on_connections_that_could_have_ech)
{
    for (size_t i = 0; i < sizeof with_grease / sizeof *with_grease; i++) {
        struct shim_policy_facts facts = usual;
        facts.mode = with_grease[i];
        facts.tls13 = false;
        begins(&facts, SHIM_ACTION_PLAIN, "no_tls13");
        facts.library_supported = false;
        begins(&facts, SHIM_ACTION_PLAIN, "library");
        facts.quic = true;
        begins(&facts, SHIM_ACTION_PLAIN, "quic");
        facts.port_watched = false;
        begins(&facts, SHIM_ACTION_IGNORE, NULL);
    }
}

/* ---- the setting ---- */

static void check_setting(const char *value, bool grease, unsigned problems)
{
    struct settings_rig rig = {.items = {"ECHSHIM_GREASE", value != NULL ? value : ""}};
    struct shim_settings settings = settings_rig_parse(&rig, problems);
    cr_assert_eq(settings.grease, grease);
    cr_assert(problems == 0 || strstr(rig.said, "ECHSHIM_GREASE") != NULL, "%s", rig.said);
    settings_rig_free(&settings);
}

Test(grease_policy, the_setting)
{
    check_setting(NULL, true, 0);
    check_setting("", true, 0);
    check_setting("on", true, 0);
    check_setting("off", false, 0);
    check_setting("OFF", true, 1);
    check_setting("no", true, 1);
}
