/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a resolver counts as dropping questions for HTTPS records. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dns/resolver_health.h"
#include "tests/unit/dns_messages.h"

enum { SECOND = 1000000 };

static struct dns_resolver_health health = DNS_RESOLVER_HEALTH_INIT;

static void silent(const char *name, uint64_t now_us)
{
    struct dns_name qname = name_of(name);
    dns_health_note_silence(&health, "r", 1, &qname, now_us);
}

static bool drops(uint64_t now_us)
{
    return dns_health_wait_us(&health, "r", 1, now_us) == DNS_HEALTH_WAIT_DROPPED_US;
}

Test(resolver_health, three_names_make_it_known_for_five_minutes)
{
    silent("a.example", 0);
    silent("b.example", SECOND);
    cr_assert_not(drops(SECOND));
    silent("c.example", 2 * SECOND);
    cr_assert(drops(2 * SECOND));
    cr_assert(drops(UINT64_C(301) * SECOND));
    cr_assert_not(drops(UINT64_C(302) * SECOND));
    /* After that it must be learned anew. */
    silent("d.example", UINT64_C(302) * SECOND);
    cr_assert_not(drops(UINT64_C(302) * SECOND));
}

Test(resolver_health, one_name_is_one_however_often)
{
    for (unsigned i = 0; i < 10; i++) {
        silent("a.example", i);
        silent("b.example", i);
    }
    cr_assert_not(drops(10));
}

Test(resolver_health, names_that_lie_far_apart_are_not_counted_together)
{
    silent("a.example", 0);
    silent("b.example", 0);
    silent("c.example", UINT64_C(301) * SECOND);
    cr_assert_not(drops(UINT64_C(301) * SECOND));
}

Test(resolver_health, one_answer_is_enough_to_end_it)
{
    silent("a.example", 0);
    silent("b.example", 0);
    dns_health_note_answer(&health, "r", 1);
    silent("c.example", 0);
    cr_assert_not(drops(0));
    silent("d.example", 0);
    silent("e.example", 0);
    cr_assert(drops(0));
    dns_health_note_answer(&health, "r", 1);
    cr_assert_not(drops(0));
}

Test(resolver_health, each_resolver_in_each_network_is_another)
{
    silent("a.example", 0);
    silent("b.example", 0);
    silent("c.example", 0);
    cr_assert(drops(0));
    cr_assert_eq(dns_health_wait_us(&health, "other", 1, 0), DNS_HEALTH_WAIT_US);
    cr_assert_eq(dns_health_wait_us(&health, "r", 2, 0), DNS_HEALTH_WAIT_US);
    dns_health_note_answer(&health, "r", 2);
    cr_assert(drops(0));
}

/* A resolver that falls out of the table is treated with patience again. */
Test(resolver_health, it_is_bounded)
{
    silent("a.example", 0);
    silent("b.example", 0);
    silent("c.example", 0);
    for (unsigned i = 0; i < 100; i++) {
        char id[16];
        struct dns_name qname = name_of("a.example");
        (void)snprintf(id, sizeof id, "r%u", i);
        dns_health_note_silence(&health, id, 1, &qname, 0);
    }
    cr_assert_not(drops(0));
}
