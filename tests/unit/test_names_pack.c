/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine/names/nss_pack.h"
#include "shim/engine/names/steer.h"

static void add(struct shim_names_answer *answer, const char *text)
{
    struct shim_names_address *address = &answer->list[answer->count++];
    address->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    cr_assert_eq(inet_pton(address->family, text, address->octets), 1);
}

static void make_answer(struct shim_names_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    strcpy(answer->canonical, "canonical.example");
    strcpy(answer->alias, "www.example");
    add(answer, "192.0.2.1");
    add(answer, "2001:db8::1");
    add(answer, "192.0.2.2");
    answer->list[1].scope = 7;
}

static const char *text_of(int family, const void *octets)
{
    static char text[INET6_ADDRSTRLEN];
    return inet_ntop(family, octets, text, sizeof text);
}

static void check_tuples(const struct gaih_addrtuple *first)
{
    cr_assert_str_eq(first->name, "canonical.example");
    cr_expect_str_eq(text_of(first->family, first->addr), "192.0.2.1");
    const struct gaih_addrtuple *second = first->next;
    cr_expect_str_eq(text_of(second->family, second->addr), "2001:db8::1");
    cr_expect_eq(second->scopeid, 7U);
    cr_expect_str_eq(text_of(second->next->family, second->next->addr), "192.0.2.2");
    cr_expect_null(second->next->next);
}

/* The buffer is on the heap, exactly as large as stated, at every alignment. */
Test(names_pack, tuples_in_buffers_of_every_size)
{
    struct shim_names_answer answer;
    make_answer(&answer);
    size_t least[2] = {SIZE_MAX, SIZE_MAX};
    for (size_t size = 0; size < 256; size++) {
        for (size_t skew = 0; skew < 16; skew++) {
            for (int own = 0; own < 2; own++) {
                char *block = malloc(size + skew + 1);
                struct gaih_addrtuple outside;
                struct gaih_addrtuple *first = own != 0 ? NULL : &outside;
                if (shim_names_pack_tuples(&answer, &first, block + skew, size)) {
                    check_tuples(first);
                    cr_expect_eq(first == &outside, own == 0);
                    least[own] = size < least[own] ? size : least[own];
                }
                free(block);
            }
        }
    }
    cr_expect_eq(least[0], sizeof "canonical.example" + 2 * sizeof(struct gaih_addrtuple));
    cr_expect_eq(least[1], sizeof "canonical.example" + 3 * sizeof(struct gaih_addrtuple));
}

Test(names_pack, hosts_in_buffers_of_every_size)
{
    struct shim_names_answer answer;
    make_answer(&answer);
    bool packed = false;
    for (size_t size = 0; size < 256; size++) {
        for (size_t skew = 0; skew < 16; skew++) {
            char *block = malloc(size + skew + 1);
            struct hostent host;
            if (shim_names_pack_host(&answer, AF_INET, &host, block + skew, size)) {
                packed = true;
                cr_expect_str_eq(host.h_name, "canonical.example");
                cr_expect_str_eq(host.h_aliases[0], "www.example");
                cr_expect_null(host.h_aliases[1]);
                cr_expect_eq(host.h_length, 4);
                cr_expect_eq(host.h_addrtype, AF_INET);
                cr_expect_str_eq(text_of(AF_INET, host.h_addr_list[0]), "192.0.2.1");
                cr_expect_str_eq(text_of(AF_INET, host.h_addr_list[1]), "192.0.2.2");
                cr_expect_null(host.h_addr_list[2]);
            }
            free(block);
        }
    }
    cr_expect(packed);
}

/* ---- targets of records ---- */

static struct dns_endpoint endpoint(const char *target, uint16_t port, bool ech)
{
    static const uint8_t list[] = {0, 1, 2, 3};
    struct dns_endpoint made = {.port = port, .priority = 1, .target_is_owner = *target == '\0'};
    strcpy(made.target, *target == '\0' ? "www.example.org" : target);
    if (ech) {
        made.ech_config_list = bytes_of(list, sizeof list);
    }
    return made;
}

/* The targets in one string; "-" is the name's own addresses. */
static const char *targets_of(struct dns_endpoint *endpoints, size_t count, const char *host)
{
    static char text[1024];
    const char *targets[SHIM_STEER_MAX];
    struct dns_endpoints answer = {
        .result = DNS_FOUND, .endpoints = endpoints, .count = count, .all_have_ech = true};
    for (size_t i = 0; i < count; i++) {
        answer.all_have_ech = answer.all_have_ech && endpoints[i].ech_config_list.len > 0;
    }
    size_t found = shim_steer_targets(&answer, host, 443, targets);
    text[0] = '\0';
    for (size_t i = 0; i < found; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, targets[i] != NULL ? targets[i] : "-");
    }
    return text;
}

#define TARGETS(host, ...)                                                                         \
    targets_of((struct dns_endpoint[]){__VA_ARGS__},                                               \
               sizeof(struct dns_endpoint[]){__VA_ARGS__} / sizeof(struct dns_endpoint), host)

Test(names_steer, the_endpoints_of_this_port_in_their_order)
{
    const char *host = "www.example.org";
    cr_expect_str_eq(TARGETS(host, endpoint("a.example", 443, true)), "a.example");
    cr_expect_str_eq(
        TARGETS(host, endpoint("a.example", 443, true), endpoint("b.example", 443, true)),
        "a.example b.example");
    cr_expect_str_eq(
        TARGETS(host, endpoint("a.example", 8443, true), endpoint("b.example", 443, true)),
        "b.example");
    cr_expect_str_eq(
        TARGETS(host, endpoint("a.example", 443, true), endpoint("A.example", 443, true)),
        "a.example");
    cr_expect_str_eq(TARGETS(host, endpoint("a.example", 443, true), endpoint("", 443, true)),
                     "a.example -");
    cr_expect_str_eq(TARGETS(host, endpoint("", 443, true), endpoint("a.example", 443, true)),
                     "- a.example");
}

Test(names_steer, nothing_is_changed_where_the_records_lead_to_the_name_itself)
{
    cr_expect_str_eq(TARGETS("www.example.org", endpoint("", 443, true)), "");
    cr_expect_str_eq(TARGETS("WWW.example.org.", endpoint("www.example.org", 443, true)), "");
    cr_expect_str_eq(TARGETS("www.example.org", endpoint("a.example", 8443, true)), "");
    cr_expect_str_eq(TARGETS("www.example.org", endpoint("www.example.org.uk", 443, true)),
                     "www.example.org.uk");
    struct dns_endpoints none = {.result = DNS_NONE};
    const char *targets[SHIM_STEER_MAX];
    cr_expect_eq(shim_steer_targets(&none, "www.example.org", 443, targets), (size_t)0);
}

Test(names_steer, without_ech_the_program_goes_its_own_way)
{
    cr_expect_str_eq(TARGETS("www.example.org", endpoint("a.example", 443, false)), "");
}

Test(names_steer, past_endpoints_that_not_all_have_ech_come_the_own_addresses)
{
    cr_expect_str_eq(TARGETS("www.example.org", endpoint("a.example", 443, true),
                             endpoint("b.example", 443, false)),
                     "a.example b.example -");
}
