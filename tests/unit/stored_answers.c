/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/stored_answers.h"

#include <criterion/criterion.h>

#include "tests/unit/dns_messages.h"
#include "tests/unit/vectors.h"

struct dns_endpoints *answer_with_endpoints(void)
{
    static const uint8_t alpn[] = "\2h2\10http/1.1";
    static const uint8_t ech[] = {0, 8, 0xfe, 0x0a, 0, 4, 1, 2, 3, 4};
    static const uint8_t addresses[32] = {192, 0, 2, 1, 192, 0, 2, 2};
    struct dns_name owner = name_of("a.example");
    const struct https_rr records[] = {
        {.priority = 1,
         .target = {.len = 1},
         .alpn = bytes_of(alpn, sizeof alpn - 1),
         .ech = bytes_of(ech, sizeof ech),
         .ipv4hint = bytes_of(addresses, 8)},
        {.priority = 65535,
         .target = name_of("pool_1.b-c.example"),
         .no_default_alpn = true,
         .alpn = bytes_of(alpn, 3),
         .has_port = true,
         .port = 8443,
         .ipv6hint = bytes_of(addresses, sizeof addresses)},
    };
    const struct dns_answer_origin origin = {.owner = &owner, .port = 443};
    struct dns_endpoints *answer = dns_answer_from_records(records, 2, &origin);
    cr_assert_not_null(answer);
    answer->ttl = 60;
    return answer;
}

static void assert_same_endpoint(const struct dns_endpoint *actual,
                                 const struct dns_endpoint *expected)
{
    cr_assert_str_eq(actual->target, expected->target);
    cr_assert_eq(actual->target_is_owner, expected->target_is_owner);
    cr_assert_eq(actual->port, expected->port);
    cr_assert_eq(actual->priority, expected->priority);
    cr_assert_eq(actual->no_default_alpn, expected->no_default_alpn);
    assert_octets(actual->alpn, expected->alpn, "alpn");
    assert_octets(actual->ech_config_list, expected->ech_config_list, "ech");
    assert_octets(actual->ipv4hint, expected->ipv4hint, "ipv4hint");
    assert_octets(actual->ipv6hint, expected->ipv6hint, "ipv6hint");
}

void assert_same_answer(const struct dns_endpoints *actual, const struct dns_endpoints *expected)
{
    cr_assert_not_null(actual);
    cr_assert_eq(actual->result, expected->result);
    cr_assert_eq(actual->reason, expected->reason);
    cr_assert_eq(actual->all_have_ech, expected->all_have_ech);
    cr_assert_eq(actual->alias_followed, expected->alias_followed);
    cr_assert_eq(actual->count, expected->count);
    for (size_t i = 0; i < expected->count; i++) {
        assert_same_endpoint(&actual->endpoints[i], &expected->endpoints[i]);
    }
}
