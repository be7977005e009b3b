/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dns/name.h"
#include "tests/unit/vectors.h"

static void check_name(const char *host, uint16_t port, const char *expected)
{
    struct dns_name name;
    char text[DNS_HOST_SIZE];
    cr_assert_eq(dns_name_of_origin(host, port, &name), ECH_OK, "%s", host);
    cr_assert(dns_name_to_host(&name, text));
    cr_assert_str_eq(text, expected);
}

Test(dns_name, svcb_15_query_names)
{
    json_t *vectors = vectors_load("svcb");
    size_t i;
    json_t *item;
    json_array_foreach(vectors_get(vectors, "query_names"), i, item)
    {
        if (json_object_get(item, "host") == NULL) {
            continue; /* for what follows an alias, see test_lookup.c */
        }
        const char *host = vectors_text(item, "host");
        /* RFC 9460, 9.5: http becomes https first; the program must do that. */
        size_t port = vectors_number(item, "port");
        port = port == 80 ? 443 : port;
        struct dns_name name;
        if (json_is_null(json_object_get(item, "qname"))) {
            cr_assert_eq(dns_name_of_origin(host, (uint16_t)port, &name), ECH_ERR_UNSUPPORTED);
            continue;
        }
        char expected[256];
        cr_assert_eq(sscanf(vectors_text(item, "qname"), "%255s", expected), 1);
        expected[strlen(expected) - 1] = '\0';
        check_name(host, (uint16_t)port, expected);
    }
    json_decref(vectors);
}

Test(dns_name, one_trailing_dot_and_case)
{
    check_name("Example.ORG.", 443, "example.org");
    check_name("xn--bcher-kva.example", 1, "_1._https.xn--bcher-kva.example");
    check_name("a_b.example", 65535, "_65535._https.a_b.example");
    check_name("1.2.3.4.example", 443, "1.2.3.4.example");
}

Test(dns_name, svcb_57_no_query_for_what_is_no_dns_name)
{
    static const char *const hosts[] = {
        "",
        ".",
        "192.0.2.1",
        "192.0.2.1.",
        "2001:db8::1",
        "[2001:db8::1]",
        "fe80::1%lo",
        "0x7f.0x1",
        "a.0x",
        "localhost",
        "single",
        "single.",
        "a.localhost",
        "printer.local",
        "x.LOCAL.",
        "a.onion",
        "a..example",
        ".example.org",
        "a b.example",
        "ex\xc3\xa4mple.org",
        "example.org..",
        "*.example.org",
        "a.example/",
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct dns_name name;
        cr_assert_eq(dns_name_of_origin(hosts[i], 443, &name), ECH_ERR_UNSUPPORTED, "'%s'",
                     hosts[i]);
    }
}

Test(dns_name, kinds)
{
    static const struct {
        const char *host;
        enum dns_name_kind kind;
    } rows[] = {
        {"example.org", DNS_NAME_GLOBAL},
        {"www.example", DNS_NAME_GLOBAL},
        {"home.example", DNS_NAME_GLOBAL},
        {"local.example.org.", DNS_NAME_GLOBAL},
        {"x.arpa", DNS_NAME_GLOBAL},
        {"home.arpa.example", DNS_NAME_GLOBAL},
        {"router", DNS_NAME_PRIVATE},
        {"router.", DNS_NAME_PRIVATE},
        {"localhost", DNS_NAME_PRIVATE},
        {"a.b.LocalHost.", DNS_NAME_PRIVATE},
        {"printer.local", DNS_NAME_PRIVATE},
        {"nas.home.arpa", DNS_NAME_PRIVATE},
        {"home.arpa", DNS_NAME_PRIVATE},
        {"wiki.internal", DNS_NAME_PRIVATE},
        {"a.test", DNS_NAME_PRIVATE},
        {"a.invalid", DNS_NAME_PRIVATE},
        {"a.onion", DNS_NAME_PRIVATE},
        {"a.alt", DNS_NAME_PRIVATE},
        {"a.corp", DNS_NAME_PRIVATE},
        {"a.intranet", DNS_NAME_PRIVATE},
        {"a.private", DNS_NAME_PRIVATE},
        {"a.home", DNS_NAME_PRIVATE},
        {"a.lan", DNS_NAME_PRIVATE},
        {"a.localdomain", DNS_NAME_PRIVATE},
        {"", DNS_NAME_NONE},
        {".", DNS_NAME_NONE},
        {"127.0.0.1", DNS_NAME_NONE},
        {"1", DNS_NAME_NONE},
        {"::1", DNS_NAME_NONE},
        {"a b.example", DNS_NAME_NONE},
        {"a..local", DNS_NAME_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(dns_name_kind_of(rows[i].host), rows[i].kind, "'%s'", rows[i].host);
    }
}

Test(dns_name, lengths)
{
    char host[300];
    struct dns_name name;
    memset(host, 'a', sizeof host);
    for (size_t i = 63; i < 252; i += 64) {
        host[i] = '.';
    }
    host[253] = '\0';
    cr_assert_eq(dns_name_of_origin(host, 443, &name), ECH_OK);
    cr_assert_eq(name.len, 255);
    cr_assert_eq(dns_name_of_origin(host, 8443, &name), ECH_ERR_SPACE);
    host[253] = 'a';
    host[254] = '\0';
    cr_assert_eq(dns_name_of_origin(host, 443, &name), ECH_ERR_SPACE);
    host[63] = 'a';
    cr_assert_eq(dns_name_of_origin(host, 443, &name), ECH_ERR_UNSUPPORTED);
}

Test(dns_name, reads_what_is_uncompressed_and_whole)
{
    static const uint8_t wire[] = {3, 'F', 'o', 'O', 2, 'x', 'y', 0, 0xff};
    struct dns_name name;
    struct reader r = rd_of(bytes_of(wire, sizeof wire));
    cr_assert_eq(dns_name_read(&r, &name), ECH_OK);
    cr_assert_eq(r.len, 1);
    cr_assert_eq(name.len, 8);
    cr_assert_arr_eq(name.octets, "\3foo\2xy", 8);
    for (size_t len = 0; len < 8; len++) {
        struct octets cut = octets_copy(bytes_of(wire, len));
        r = rd_of(octets_view(&cut));
        cr_assert_eq(dns_name_read(&r, &name), ECH_ERR_DECODE);
        cr_assert_eq(r.len, len);
        octets_free(&cut);
    }
    static const uint8_t pointer[] = {1, 'a', 0xc0, 0};
    r = rd_of(bytes_of(pointer, sizeof pointer));
    cr_assert_eq(dns_name_read(&r, &name), ECH_ERR_DECODE);
}

Test(dns_name, text_only_of_host_names)
{
    static const uint8_t dot_inside[] = {3, 'a', '.', 'b', 0};
    struct dns_name name;
    char text[DNS_HOST_SIZE];
    struct reader r = rd_of(bytes_of(dot_inside, sizeof dot_inside));
    cr_assert_eq(dns_name_read(&r, &name), ECH_OK);
    cr_assert_not(dns_name_to_host(&name, text));
    r = rd_of(bytes_of("", 1));
    cr_assert_eq(dns_name_read(&r, &name), ECH_OK);
    cr_assert(dns_name_is_root(&name));
    cr_assert_not(dns_name_to_host(&name, text));
}
