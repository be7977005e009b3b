/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/svcb_select.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/vectors.h"

#define ECH_HEX                                                                                    \
    "0005000800060aaa0002bbcc" /* a well-formed list of one config of an unknown version */

enum { RECORDS_MAX = 8 };

/* An RRset from hexadecimal, and the choice among its records. */
struct rrset {
    struct octets octets[RECORDS_MAX];
    struct bytes rdata[RECORDS_MAX];
    size_t count;
    struct svcb_choice choice;
};

static void add(struct rrset *set, uint16_t priority, const char *target, const char *params_hex)
{
    struct message m;
    message_begin(&m, 0, 0, "", 0);
    size_t before = m.w.len;
    message_https(&m, "", 0, priority, target, params_hex);
    set->octets[set->count] = octets_copy(bytes_of(m.w.data + before + 11, m.w.len - before - 11));
    set->rdata[set->count] = octets_view(&set->octets[set->count]);
    set->count++;
    message_free(&m);
}

static enum svcb_choice_kind choose(struct rrset *set, const uint32_t *random)
{
    static const uint32_t zeros[RECORDS_MAX];
    cr_assert_eq(svcb_select(set->rdata, set->count, random == NULL ? zeros : random, &set->choice),
                 ECH_OK);
    return set->choice.kind;
}

static void check_target(const struct dns_name *name, const char *expected)
{
    struct dns_name wanted = name_of(expected);
    cr_assert(dns_name_equal(name, &wanted), "not %s", expected);
}

static void done(struct rrset *set)
{
    svcb_choice_free(&set->choice);
    for (size_t i = 0; i < set->count; i++) {
        octets_free(&set->octets[i]);
    }
}

Test(svcb_select, svcb_5_one_malformed_record_rejects_all)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "");
    add(&set, 2, "b.example", "0003000101");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_MALFORMED);
    cr_assert_eq(set.choice.count, 0);
    done(&set);
}

Test(svcb_select, svcb_8_an_inconsistent_record_rejects_itself)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "00020000");
    add(&set, 2, "b.example", "");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_ENDPOINTS);
    cr_assert_eq(set.choice.count, 1);
    check_target(&set.choice.endpoints[0].target, "b.example");
    done(&set);
}

Test(svcb_select, svcb_18_aliases_win)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", ECH_HEX);
    add(&set, 0, "alias.example", ECH_HEX);
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_ALIAS);
    check_target(&set.choice.alias, "alias.example");
    cr_assert_eq(set.choice.count, 0);
    done(&set);
}

Test(svcb_select, svcb_19_random_among_aliases)
{
    static const uint32_t random[2][3] = {{7, 5, 9}, {7, 8, 6}};
    static const char *const expected[] = {"b.example", "c.example"};
    for (size_t i = 0; i < 2; i++) {
        struct rrset set = {0};
        add(&set, 0, "a.example", "");
        add(&set, 0, "b.example", "");
        add(&set, 0, "c.example", "");
        cr_assert_eq(choose(&set, random[i]), SVCB_CHOICE_ALIAS);
        check_target(&set.choice.alias, expected[i]);
        done(&set);
    }
}

Test(svcb_select, svcb_25_alias_to_the_root)
{
    struct rrset set = {0};
    add(&set, 0, ".", "");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_NO_SERVICE);
    done(&set);
}

Test(svcb_select, svcb_27_priority_then_random)
{
    static const uint32_t random[] = {3, 9, 1, UINT32_MAX};
    static const char *const expected[] = {"d.example", "c.example", "a.example", "b.example"};
    struct rrset set = {0};
    add(&set, 2, "a.example", "");
    add(&set, 2, "b.example", "");
    add(&set, 2, "c.example", "");
    add(&set, 1, "d.example", "");
    cr_assert_eq(choose(&set, random), SVCB_CHOICE_ENDPOINTS);
    cr_assert_eq(set.choice.count, 4);
    for (size_t i = 0; i < 4; i++) {
        check_target(&set.choice.endpoints[i].target, expected[i]);
    }
    done(&set);
}

Test(svcb_select, svcb_40_nothing_for_tcp)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "0001000302683300020000");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_INCOMPATIBLE);
    svcb_choice_free(&set.choice);
    add(&set, 2, "b.example", "00010003026833");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_ENDPOINTS);
    cr_assert_eq(set.choice.count, 1);
    done(&set);
}

Test(svcb_select, svcb_44_incompatible_records_are_ignored)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "00000002ff78ff780000");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_INCOMPATIBLE);
    svcb_choice_free(&set.choice);
    add(&set, 9, "b.example", "");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_ENDPOINTS);
    cr_assert_eq(set.choice.count, 1);
    done(&set);
}

Test(svcb_select, targets_that_are_no_host_names)
{
    struct rrset set = {0};
    add(&set, 1, "a b.example", "");
    cr_assert_eq(choose(&set, NULL), SVCB_CHOICE_INCOMPATIBLE);
    done(&set);
}

/* ---- answers made of the chosen records ---- */

static struct dns_endpoints *answer_of(struct rrset *set, const char *owner, uint16_t port,
                                       bool alias)
{
    struct dns_name name = name_of(owner);
    const struct dns_answer_origin origin = {.owner = &name, .port = port, .alias_followed = alias};
    cr_assert_eq(choose(set, NULL), SVCB_CHOICE_ENDPOINTS);
    struct dns_endpoints *answer =
        dns_answer_from_records(set->choice.endpoints, set->choice.count, &origin);
    cr_assert_not_null(answer);
    done(set); /* the answer owns all it needs */
    return answer;
}

Test(svcb_select, svcb_26_root_target_is_the_owner)
{
    struct rrset set = {0};
    add(&set, 1, ".", "");
    struct dns_endpoints *answer = answer_of(&set, "svc2.example.net", 443, false);
    cr_assert_str_eq(answer->endpoints[0].target, "svc2.example.net");
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_42_port)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "0003000220fb");
    add(&set, 2, "b.example", "");
    struct dns_endpoints *answer = answer_of(&set, "example.net", 444, false);
    cr_assert_eq(answer->endpoints[0].port, 8443);
    cr_assert_eq(answer->endpoints[1].port, 444);
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_48_all_have_ech)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", ECH_HEX);
    add(&set, 2, "b.example", ECH_HEX);
    struct dns_endpoints *answer = answer_of(&set, "example.net", 443, true);
    cr_assert(answer->all_have_ech);
    cr_assert_eq(answer->count, 2, "the alias's endpoint must not be appended");
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_30_alias_endpoint_comes_last)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", "");
    struct dns_endpoints *answer = answer_of(&set, "final.example", 8443, true);
    cr_assert_eq(answer->count, 2);
    cr_assert_str_eq(answer->endpoints[1].target, "final.example");
    cr_assert_eq(answer->endpoints[1].port, 8443);
    cr_assert_eq(answer->endpoints[1].ech_config_list.len, 0);
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_49_mixed_sets_keep_each_record_s_ech)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", ECH_HEX);
    add(&set, 2, "b.example", "");
    struct dns_endpoints *answer = answer_of(&set, "example.net", 443, false);
    cr_assert_not(answer->all_have_ech);
    assert_hex(answer->endpoints[0].ech_config_list, "00060aaa0002bbcc", "ech");
    cr_assert_eq(answer->endpoints[1].ech_config_list.len, 0);
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_52_each_endpoint_has_its_own_ech)
{
    struct rrset set = {0};
    add(&set, 1, "pool1.example", "0005000800060aaa0002aaaa");
    add(&set, 1, "pool2.example", "0005000800060aaa0002bbbb");
    struct dns_endpoints *answer = answer_of(&set, "example.net", 443, false);
    for (size_t i = 0; i < 2; i++) {
        bool first = strcmp(answer->endpoints[i].target, "pool1.example") == 0;
        assert_hex(answer->endpoints[i].ech_config_list,
                   first ? "00060aaa0002aaaa" : "00060aaa0002bbbb", "ech");
    }
    dns_endpoints_free(answer);
}

Test(svcb_select, svcb_60_unusable_configs_count_as_ech)
{
    struct rrset set = {0};
    add(&set, 1, "a.example", ECH_HEX);
    struct dns_endpoints *answer = answer_of(&set, "example.net", 443, false);
    cr_assert(answer->all_have_ech);
    dns_endpoints_free(answer);
}
