/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which endpoint a connection must lead to. The answers are handmade; the scene records the
 * questions to the resolver. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shim/engine/endpoint/route.h"

#define HOST "www.example.org"

/* Version 0xfe0d, id 7, X25519, one suite, maximum_name_length 0, public_name "a.b". */
static const uint8_t usable_list[] = {0, 54, 0xfe, 0x0d, 0, 50, 7, 0, 0x20, 0,   32,  9,   9, 9,
                                      9, 9,  9,    9,    9, 9,  9, 9, 9,    9,   9,   9,   9, 9,
                                      9, 9,  9,    9,    9, 9,  9, 9, 9,    9,   9,   9,   9, 9,
                                      9, 0,  4,    0,    1, 0,  1, 0, 3,    'a', '.', 'b', 0, 0};
static const uint8_t unusable_list[] = {0, 8, 0xfe, 0x0a, 0, 4, 0, 0, 0, 0};

enum { ENDPOINTS = 10 };

/* One question. */
struct scene {
    struct dns_endpoint endpoints[ENDPOINTS];
    struct dns_endpoints answer;
    struct shim_route_facts facts;
    struct shim_address peer;
    struct shim_route route;
    /* each host and its addresses, then NULL */
    const char *const *zone;
    char asked[400]; /* each host and a blank */
};

static struct shim_address address_of(const char *text)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        return shim_address_of_ipv4(octets);
    }
    cr_assert_eq(inet_pton(AF_INET6, text, octets), 1, "%s", text);
    return shim_address_of_ipv6(octets);
}

static void resolve(void *context, const char *host, struct shim_addresses *addresses)
{
    struct scene *scene = context;
    strcat(strcat(scene->asked, host), " ");
    for (const char *const *at = scene->zone; at != NULL && *at != NULL; at++) {
        bool same = strcmp(*at, host) == 0;
        for (at++; *at != NULL; at++) {
            struct shim_address address = address_of(*at);
            if (same) {
                shim_addresses_add(addresses, &address);
            }
        }
    }
}

/* Adds an endpoint; target NULL: the origin itself. */
static struct dns_endpoint *add(struct scene *scene, uint16_t priority, const char *target,
                                uint16_t port, bool ech)
{
    struct dns_endpoint *endpoint = &scene->endpoints[scene->answer.count++];
    *endpoint = (struct dns_endpoint){
        .target_is_owner = target == NULL, .priority = priority, .port = port};
    snprintf(endpoint->target, sizeof endpoint->target, "%s", target != NULL ? target : HOST);
    if (ech) {
        endpoint->ech_config_list = bytes_of(usable_list, sizeof usable_list);
    }
    return endpoint;
}

static void find(struct scene *scene, const char *peer)
{
    scene->answer.endpoints = scene->endpoints;
    scene->answer.all_have_ech = scene->answer.count > 0;
    for (size_t i = 0; i < scene->answer.count; i++) {
        scene->answer.all_have_ech =
            scene->answer.all_have_ech && scene->endpoints[i].ech_config_list.len > 0;
    }
    scene->facts.answer = &scene->answer;
    scene->facts.host = HOST;
    scene->facts.port = scene->facts.port != 0 ? scene->facts.port : 443;
    scene->facts.resolve = resolve;
    scene->facts.context = scene;
    if (peer != NULL) {
        scene->peer = address_of(peer);
        scene->facts.peer = &scene->peer;
    }
    shim_route_find(&scene->facts, &scene->route);
}

static void expect(const struct scene *scene, enum shim_route_kind kind, const char *asked)
{
    cr_assert_eq(scene->route.kind, kind, "kind %d, not %d", scene->route.kind, kind);
    cr_assert_str_eq(scene->asked, asked);
}

/* The hops as "endpoint here port" or "endpoint address port". */
static void expect_hops(const struct scene *scene, const char *expected)
{
    char text[1000] = "";
    for (size_t i = 0; i < scene->route.count; i++) {
        const struct shim_hop *hop = &scene->route.hops[i];
        char address[64] = "here";
        char hop_text[100];
        struct sockaddr_storage to;
        shim_address_write(&hop->address, 0, &to);
        if (!hop->in_place && to.ss_family == AF_INET) {
            inet_ntop(AF_INET, &((struct sockaddr_in *)&to)->sin_addr, address, sizeof address);
        } else if (!hop->in_place) {
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&to)->sin6_addr, address, sizeof address);
        }
        snprintf(hop_text, sizeof hop_text, "%s%zu %s %u", i > 0 ? ", " : "", hop->endpoint,
                 address, (unsigned)hop->port);
        strcat(text, hop_text);
    }
    cr_assert_str_eq(text, expected);
}

/* The program already connected to the origin, so no question is needed. */
Test(route, svcb_52_the_origin_itself)
{
    struct scene scene = {.zone = NULL};
    add(&scene, 1, NULL, 443, true);
    find(&scene, "192.0.2.1");
    expect(&scene, SHIM_ROUTE_IN_PLACE, "");
    cr_assert(scene.route.usable);
    expect_hops(&scene, "0 here 0");
    scene = (struct scene){.zone = NULL};
    add(&scene, 1, "WWW.example.ORG", 443, true);
    find(&scene, NULL);
    expect(&scene, SHIM_ROUTE_IN_PLACE, "");
}

/* The zone of RFC 9848, figure 3. */
Test(route, svcb_52_heterogeneous_example)
{
    static const char *const zone[] = {"pool1.example",
                                       "192.0.2.1",
                                       "2001:db8:1::a",
                                       NULL,
                                       "pool2.example",
                                       "192.0.2.2",
                                       "2001:db8:2::a",
                                       NULL,
                                       NULL};
    static const char *const peers[] = {"192.0.2.1", "2001:db8:1::a", "192.0.2.2", "2001:db8:2::a"};
    for (size_t i = 0; i < 4; i++) {
        struct scene scene = {.zone = zone};
        add(&scene, 1, "pool1.example", 443, true);
        add(&scene, 1, "pool2.example", 443, true);
        find(&scene, peers[i]);
        cr_assert_eq(scene.route.kind, SHIM_ROUTE_IN_PLACE);
        cr_assert(scene.route.hops[0].in_place);
        cr_assert_eq(scene.route.hops[0].endpoint, i / 2, "%s", peers[i]);
    }
    struct scene scene = {.zone = zone};
    add(&scene, 1, "pool1.example", 443, true);
    add(&scene, 1, "pool2.example", 443, true);
    find(&scene, "198.51.100.1");
    expect(&scene, SHIM_ROUTE_REDIRECT, "pool1.example pool2.example ");
    expect_hops(&scene, "0 192.0.2.1 443, 0 2001:db8:1::a 443, 1 192.0.2.2 443, "
                        "1 2001:db8:2::a 443");
}

Test(route, svcb_28_more_preferred_ones_first)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", NULL, "b.example",
                                       "192.0.2.2", NULL,        NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    add(&scene, 2, "b.example", 443, true);
    find(&scene, "192.0.2.2");
    expect(&scene, SHIM_ROUTE_REDIRECT, "a.example b.example ");
    expect_hops(&scene, "0 192.0.2.1 443, 1 here 0, 1 192.0.2.2 443");
    /* Among equal priorities, the existing connection comes first. */
    scene = (struct scene){.zone = zone};
    add(&scene, 1, "dead.example", 443, true);
    add(&scene, 2, "a.example", 443, true);
    add(&scene, 2, "b.example", 443, true);
    find(&scene, "192.0.2.2");
    expect_hops(&scene, "2 here 0, 1 192.0.2.1 443, 2 192.0.2.2 443");
}

Test(route, svcb_42_another_port)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", NULL, HOST,
                                       "192.0.2.9", NULL,        NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, NULL, 8443, true);
    find(&scene, "192.0.2.1");
    expect(&scene, SHIM_ROUTE_REDIRECT, "");
    expect_hops(&scene, "0 192.0.2.1 8443");
    scene = (struct scene){.zone = zone};
    add(&scene, 1, "a.example", 8443, true);
    find(&scene, "192.0.2.1");
    expect_hops(&scene, "0 192.0.2.1 8443");
    /* The program's destination is unknown. */
    scene = (struct scene){.zone = zone};
    add(&scene, 1, NULL, 8443, true);
    find(&scene, NULL);
    expect(&scene, SHIM_ROUTE_REDIRECT, HOST " ");
    expect_hops(&scene, "0 192.0.2.9 8443");
}

Test(route, svcb_43_hints_only_where_there_are_no_addresses)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", NULL, NULL};
    static const uint8_t hints[] = {192, 0, 2, 7, 192, 0, 2, 8};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true)->ipv4hint = bytes_of(hints, sizeof hints);
    find(&scene, "192.0.2.7");
    expect_hops(&scene, "0 192.0.2.1 443");
    scene = (struct scene){.zone = NULL};
    add(&scene, 1, "a.example", 443, true)->ipv4hint = bytes_of(hints, sizeof hints);
    find(&scene, "192.0.2.7");
    expect(&scene, SHIM_ROUTE_IN_PLACE, "a.example ");
    scene = (struct scene){.facts = {.random = 1}};
    add(&scene, 1, "a.example", 443, true)->ipv4hint = bytes_of(hints, sizeof hints);
    find(&scene, "192.0.2.1");
    expect_hops(&scene, "0 192.0.2.8 443, 0 192.0.2.7 443"); /* in random order */
}

/* One family after the other, beginning with that of the program's own connection. */
Test(route, families_take_turns)
{
    static const char *const zone[] = {"a.example", "2001:db8::1", "2001:db8::2", "2001:db8::3",
                                       "192.0.2.1", "192.0.2.2",   NULL,          NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    find(&scene, "192.0.2.77");
    expect_hops(&scene, "0 192.0.2.1 443, 0 2001:db8::1 443, 0 192.0.2.2 443, 0 2001:db8::2 443, "
                        "0 2001:db8::3 443");
    scene = (struct scene){.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    find(&scene, "2001:db8::77");
    expect_hops(&scene, "0 2001:db8::1 443, 0 192.0.2.1 443, 0 2001:db8::2 443, 0 192.0.2.2 443, "
                        "0 2001:db8::3 443");
}

Test(route, svcb_49_never_to_an_endpoint_without_ech)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", NULL, NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, NULL, 443, false);
    add(&scene, 2, "a.example", 443, true);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_REDIRECT, "a.example ");
    expect_hops(&scene, "1 192.0.2.1 443");
    scene = (struct scene){.zone = NULL};
    add(&scene, 1, "a.example", 443, true);
    add(&scene, 2, NULL, 443, false);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_NO_ADDRESS, "a.example ");
}

Test(route, svcb_31_nothing_is_changed_without_ech)
{
    struct scene scene = {.zone = NULL};
    add(&scene, 1, "a.example", 8443, false);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_NO_RECORD, "");
    scene = (struct scene){.zone = NULL};
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_NO_RECORD, "");
    scene = (struct scene){.zone = NULL};
    add(&scene, 1, "a.example", 8443, true)->ech_config_list =
        bytes_of(unusable_list, sizeof unusable_list);
    add(&scene, 1, NULL, 443, false);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_UNUSABLE, "");
}

/* No config is usable, but all endpoints have one: GREASE goes to that endpoint and no other. */
Test(route, svcb_60_unusable_and_reliant)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", NULL, NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true)->ech_config_list =
        bytes_of(unusable_list, sizeof unusable_list);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_REDIRECT, "a.example ");
    cr_assert_not(scene.route.usable);
    /* A usable config comes before it. */
    scene = (struct scene){.zone = zone};
    add(&scene, 1, NULL, 443, true)->ech_config_list =
        bytes_of(unusable_list, sizeof unusable_list);
    add(&scene, 2, "a.example", 443, true);
    find(&scene, "192.0.2.9");
    cr_assert(scene.route.usable);
    expect_hops(&scene, "1 192.0.2.1 443");
}

/* ---- split horizon ---- */

Test(route, private_peer_must_be_the_resolvers_own)
{
    static const char *const inside[] = {HOST, "10.1.1.1", NULL, NULL};
    static const char *const outside[] = {HOST, "192.0.2.1", NULL, NULL};
    static const struct {
        const char *const *zone;
        const char *peer;
        bool allowed;
        enum shim_route_kind kind;
        const char *asked;
    } rows[] = {
        {inside, "10.1.1.1", false, SHIM_ROUTE_IN_PLACE, HOST " "},
        {inside, "10.1.1.2", false, SHIM_ROUTE_PRIVATE, HOST " "},
        {outside, "127.0.0.1", false, SHIM_ROUTE_PRIVATE, HOST " "},
        {outside, "fd00::1", false, SHIM_ROUTE_PRIVATE, HOST " "},
        {outside, "127.0.0.1", true, SHIM_ROUTE_IN_PLACE, ""},
        {outside, "192.0.2.9", false, SHIM_ROUTE_IN_PLACE, ""}, /* public: no question */
        {NULL, "10.1.1.1", false, SHIM_ROUTE_PRIVATE, HOST " "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene = {.zone = rows[i].zone, .facts = {.private_allowed = rows[i].allowed}};
        add(&scene, 1, NULL, 443, true);
        find(&scene, rows[i].peer);
        expect(&scene, rows[i].kind, rows[i].asked);
    }
}

/* An internal connection stays inside, even if the record has addresses outside. */
Test(route, private_peer_and_a_target)
{
    static const char *const zone[] = {"a.example", "10.0.0.5", "192.0.2.1", NULL, NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    find(&scene, "10.0.0.5");
    expect(&scene, SHIM_ROUTE_IN_PLACE, "a.example ");
    scene = (struct scene){.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    find(&scene, "10.0.0.6");
    expect(&scene, SHIM_ROUTE_PRIVATE, "a.example " HOST " ");
}

Test(route, svcb_47_limits_of_what_a_record_may_point_at)
{
    static const char *const zone[] = {"a.example", "10.0.0.5", "127.0.0.1", "::1", NULL,
                                       "b.example", "10.0.0.5", "192.0.2.1", NULL,  NULL};
    struct scene scene = {.zone = zone};
    add(&scene, 1, "a.example", 443, true);
    find(&scene, "192.0.2.9");
    expect(&scene, SHIM_ROUTE_FORBIDDEN, "a.example ");
    scene = (struct scene){.zone = zone};
    add(&scene, 1, "b.example", 443, true);
    find(&scene, "192.0.2.9");
    expect_hops(&scene, "0 192.0.2.1 443");
    scene = (struct scene){.zone = zone, .facts = {.private_allowed = true}};
    add(&scene, 1, "b.example", 443, true);
    find(&scene, "192.0.2.9");
    expect_hops(&scene, "0 10.0.0.5 443, 0 192.0.2.1 443");
    static const struct {
        uint16_t origin;
        uint16_t port;
        enum shim_route_kind kind;
    } ports[] = {{443, 25, SHIM_ROUTE_FORBIDDEN},  {443, 1023, SHIM_ROUTE_FORBIDDEN},
                 {443, 1024, SHIM_ROUTE_REDIRECT}, {443, 6000, SHIM_ROUTE_FORBIDDEN},
                 {8443, 443, SHIM_ROUTE_REDIRECT}, {444, 444, SHIM_ROUTE_IN_PLACE},
                 {443, 0, SHIM_ROUTE_FORBIDDEN}};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        scene = (struct scene){.facts = {.port = ports[i].origin}};
        add(&scene, 1, NULL, ports[i].port, true);
        find(&scene, "192.0.2.9");
        expect(&scene, ports[i].kind, "");
    }
}

/* The proxy resolves the origin's name, and cannot be redirected. */
Test(route, svcb_36_through_a_tunnel)
{
    struct scene scene = {.facts = {.tunnel = true}};
    add(&scene, 1, NULL, 443, true);
    find(&scene, NULL);
    expect(&scene, SHIM_ROUTE_IN_PLACE, "");
    scene = (struct scene){.facts = {.tunnel = true}};
    add(&scene, 1, NULL, 8443, true);
    add(&scene, 1, "a.example", 443, true);
    find(&scene, NULL);
    expect(&scene, SHIM_ROUTE_FORBIDDEN, "");
}

Test(route, more_than_there_is_room_for)
{
    static const char *const zone[] = {"a.example", "192.0.2.1", "192.0.2.2", "192.0.2.3",
                                       "192.0.2.4", "192.0.2.5", NULL,        NULL};
    struct scene scene = {.zone = zone};
    for (size_t i = 0; i < ENDPOINTS; i++) {
        add(&scene, 1, "a.example", (uint16_t)(8000 + i), true);
    }
    find(&scene, "192.0.2.9");
    cr_assert_eq(scene.route.kind, SHIM_ROUTE_REDIRECT);
    cr_assert_eq(scene.route.count, (size_t)SHIM_HOPS_MAX);
    cr_assert_eq(scene.route.hops[0].port, 8000);
}
