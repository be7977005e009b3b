/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RDATA of HTTPS records: tests/vectors/svcb.json, and cases that it lacks. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "dns/https_rr.h"
#include "tests/unit/vectors.h"

static const char *verdict_name(enum https_rr_verdict verdict)
{
    static const char *const names[] = {"ok", "incompatible", "reject-rr", "malformed"};
    return names[verdict];
}

static enum https_rr_verdict parse_hex(const char *hex, struct https_rr *rr, struct octets *octets)
{
    *octets = octets_of_hex(hex);
    return https_rr_parse(octets_view(octets), rr);
}

static enum https_rr_verdict verdict_of(const char *hex)
{
    struct https_rr rr;
    struct octets octets;
    enum https_rr_verdict verdict = parse_hex(hex, &rr, &octets);
    octets_free(&octets);
    return verdict;
}

static void check_hints(struct bytes hints, int family, const json_t *expected)
{
    size_t size = family == AF_INET ? 4 : 16;
    cr_assert_eq(hints.len, size * json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        uint8_t address[16];
        cr_assert_eq(inet_pton(family, json_string_value(json_array_get(expected, i)), address), 1);
        cr_assert_arr_eq(hints.data + i * size, address, size);
    }
}

static void check_alpn(struct bytes alpn, const json_t *expected)
{
    struct reader r = rd_of(alpn);
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const char *id = json_string_value(json_array_get(expected, i));
        struct reader got;
        cr_assert(rd_vec8(&r, &got));
        cr_assert(bytes_equal(rd_rest(&got), bytes_of(id, strlen(id))), "alpn %zu", i);
    }
    cr_assert(rd_done(&r));
}

static void check_params(const struct https_rr *rr, const json_t *params)
{
    const json_t *port = json_object_get(params, "port");
    cr_assert_eq(rr->has_port, port != NULL);
    if (port != NULL) {
        cr_assert_eq(rr->port, json_integer_value(port));
    }
    check_alpn(rr->alpn, json_object_get(params, "alpn"));
    check_hints(rr->ipv4hint, AF_INET, json_object_get(params, "ipv4hint"));
    check_hints(rr->ipv6hint, AF_INET6, json_object_get(params, "ipv6hint"));
    cr_assert_eq(rr->mandatory.len / 2, json_array_size(json_object_get(params, "mandatory")));
}

Test(https_rr, svcb_1_appendix_d_valid)
{
    json_t *vectors = vectors_load("svcb");
    size_t i;
    json_t *item;
    json_array_foreach(vectors_get(vectors, "appendix_d_valid"), i, item)
    {
        struct https_rr rr;
        struct octets rdata = octets_get(item, "rdata_hex");
        const json_t *decoded = vectors_get(item, "decoded");
        cr_assert_eq(https_rr_parse(octets_view(&rdata), &rr), HTTPS_RR_OK, "%s",
                     vectors_text(item, "id"));
        cr_assert_eq(rr.priority, vectors_number(decoded, "priority"));
        char target[DNS_HOST_SIZE + 1] = ".";
        if (!dns_name_is_root(&rr.target)) {
            cr_assert(dns_name_to_host(&rr.target, target));
            strcat(target, ".");
        }
        cr_assert_str_eq(target, vectors_text(decoded, "target"));
        check_params(&rr, vectors_get(decoded, "params"));
        octets_free(&rdata);
    }
    cr_assert_eq(i, 9);
    json_decref(vectors);
}

static void check_wire(const char *prefix)
{
    json_t *vectors = vectors_load("svcb");
    size_t i;
    size_t seen = 0;
    json_t *item;
    json_array_foreach(vectors_get(vectors, "wire"), i, item)
    {
        const char *id = vectors_text(item, "id");
        if (strncmp(id, prefix, strlen(prefix)) == 0) {
            struct https_rr rr;
            struct octets rdata = octets_get(item, "rdata_hex");
            cr_assert_str_eq(verdict_name(https_rr_parse(octets_view(&rdata), &rr)),
                             vectors_text(item, "verdict"), "%s", id);
            octets_free(&rdata);
            seen++;
        }
    }
    cr_assert_eq(json_array_size(vectors_get(vectors, "wire")), 37);
    cr_assert_gt(seen, 0);
    json_decref(vectors);
}

Test(https_rr, svcb_all_wire_verdicts)
{
    check_wire("G-");
}
Test(https_rr, svcb_3_keys_strictly_increasing)
{
    check_wire("G-bad-order");
    check_wire("G-bad-dup");
}
Test(https_rr, svcb_4_value_formats)
{
    check_wire("G-bad-");
}
Test(https_rr, svcb_7_unknown_keys_are_ignored)
{
    check_wire("G-ok-unknown-key");
}
Test(https_rr, svcb_8_not_self_consistent)
{
    check_wire("G-inconsistent-");
}
Test(https_rr, svcb_9_alpn)
{
    check_wire("G-bad-alpn");
}
Test(https_rr, svcb_10_no_default_alpn)
{
    check_wire("G-bad-nda");
    check_wire("G-inconsistent-nda");
}
Test(https_rr, svcb_11_port)
{
    check_wire("G-bad-port");
}
Test(https_rr, svcb_12_hints)
{
    check_wire("G-bad-v");
}
Test(https_rr, svcb_13_mandatory)
{
    check_wire("G-bad-mandatory");
}

Test(https_rr, svcb_14_ech_is_a_config_list)
{
    check_wire("G-bad-ech");
    json_t *vectors = vectors_load("svcb");
    struct octets rdata =
        octets_get(vectors_find(vectors_get(vectors, "wire"), "G-ok-ech"), "rdata_hex");
    struct https_rr rr;
    cr_assert_eq(https_rr_parse(octets_view(&rdata), &rr), HTTPS_RR_OK);
    cr_assert_eq(rr.ech.len, 0x4a);
    cr_assert_eq(rr.ech.data[1], 0x48);
    octets_free(&rdata);
    json_decref(vectors);
}

Test(https_rr, svcb_60_a_list_of_unknown_versions_is_an_ech)
{
    struct https_rr rr;
    struct octets rdata;
    cr_assert_eq(parse_hex("0001000005000800060aaa0002bbcc", &rr, &rdata), HTTPS_RR_OK);
    cr_assert_eq(rr.ech.len, 8);
    octets_free(&rdata);
}

/* Only a prefix that ends with a parameter may be valid. */
Test(https_rr, svcb_2_every_prefix_ends_cleanly)
{
    json_t *vectors = vectors_load("svcb");
    struct octets whole =
        octets_get(vectors_find(vectors_get(vectors, "wire"), "G-ok-ech"), "rdata_hex");
    size_t name_end = 19;
    size_t alpn_end = name_end + 7;
    for (size_t len = 0; len < whole.len; len++) {
        struct octets cut = octets_copy(bytes_of(whole.data, len));
        struct https_rr rr;
        bool complete = len == name_end || len == alpn_end;
        cr_assert_eq(https_rr_parse(octets_view(&cut), &rr),
                     complete ? HTTPS_RR_OK : HTTPS_RR_MALFORMED, "%zu", len);
        octets_free(&cut);
    }
    octets_free(&whole);
    json_decref(vectors);
}

Test(https_rr, svcb_20_params_of_aliases_are_ignored)
{
    struct https_rr rr;
    struct octets rdata;
    /* A port of 1 octet, which ServiceMode would refuse. */
    cr_assert_eq(parse_hex("00000161000003000101", &rr, &rdata), HTTPS_RR_OK);
    cr_assert_not(rr.has_port);
    octets_free(&rdata);
    /* The framing must still be right. */
    cr_assert_eq(verdict_of("000001610000030002"), HTTPS_RR_MALFORMED);
}

Test(https_rr, svcb_44_mandatory_keys_that_we_know)
{
    cr_assert_eq(verdict_of("000100000000020003000300020050"), HTTPS_RR_OK);
    /* dohpath (7) says nothing to an HTTPS client. */
    cr_assert_eq(verdict_of("000100000000020007000700022f71"), HTTPS_RR_INCOMPATIBLE);
    /* Mandatory, unknown and absent: the record contradicts itself, which is the graver verdict. */
    cr_assert_eq(verdict_of("000100000000020007"), HTTPS_RR_REJECTED);
}

Test(https_rr, svcb_40_protocols_over_tcp)
{
    static const struct {
        const char *rdata;
        bool usable;
    } cases[] = {
        {"000100", true},
        {"00010000010003026833", true},                       /* h3, and http/1.1 by default */
        {"0001000001000302683300020000", false},              /* h3 only */
        {"00010000010009026833056833 2d323900020000", false}, /* h3, h3-29 */
        {"00010000010006026833026832 00020000", true},        /* h3, h2 */
        {"000100000100040368713500020000", true},             /* "hq5" is no draft of QUIC's */
        {"0001000001000403646f7100020000", false},            /* doq */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[64];
        size_t len = 0;
        for (const char *c = cases[i].rdata; *c != '\0'; c++) {
            if (*c != ' ') {
                hex[len++] = *c;
            }
        }
        hex[len] = '\0';
        struct https_rr rr;
        struct octets rdata;
        cr_assert_eq(parse_hex(hex, &rr, &rdata), HTTPS_RR_OK, "%zu", i);
        cr_assert_eq(https_rr_usable_over_tcp(&rr), cases[i].usable, "%zu", i);
        octets_free(&rdata);
    }
}

Test(https_rr, target_name_longer_than_255_octets)
{
    uint8_t rdata[2 + 256 + 1] = {0, 1};
    for (size_t i = 0; i < 4; i++) {
        rdata[2 + i * 64] = 63;
        memset(rdata + 2 + i * 64 + 1, 'a', 63);
    }
    struct https_rr rr;
    cr_assert_eq(https_rr_parse(bytes_of(rdata, sizeof rdata), &rr), HTTPS_RR_MALFORMED);
    /* 254 octets and the root label are the most: a last label of 61 octets. */
    rdata[2 + 3 * 64] = 61;
    rdata[2 + 254] = 0;
    cr_assert_eq(https_rr_parse(bytes_of(rdata, 2 + 255), &rr), HTTPS_RR_OK);
    cr_assert_eq(rr.target.len, 255);
    char host[DNS_HOST_SIZE];
    cr_assert(dns_name_to_host(&rr.target, host));
    cr_assert_eq(strlen(host), 253);
}
