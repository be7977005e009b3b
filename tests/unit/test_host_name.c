/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The normal form of names, and the table with names in that form as keys. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"
#include "shim/engine/base/table.h"

Test(host_name, normal_form)
{
    static const char *const cases[][2] = {
        {"example.org", "example.org"},
        {"Example.ORG.", "example.org"},
        {"A", "a"},
        {"", ""},
        {".", ""},
        {"a..", "a.."},
        {"xn--BCHER-kva.example", "xn--bcher-kva.example"},
        {"\xc4.example", "\xc4.example"},
    };
    char out[DNS_HOST_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert(dns_host_normal(cases[i][0], out));
        cr_assert_str_eq(out, cases[i][1]);
        cr_assert(dns_host_equal(cases[i][0], cases[i][1]));
        cr_assert_eq(dns_host_hash(cases[i][0], strlen(cases[i][0])),
                     dns_host_hash(cases[i][1], strlen(cases[i][1])));
    }
    cr_assert_not(dns_host_equal("a.example", "b.example"));
    cr_assert_not(dns_host_equal("a", "a.."));
}

Test(host_name, length)
{
    char host[DNS_HOST_SIZE + 2];
    char out[DNS_HOST_SIZE];
    memset(host, 'a', sizeof host);
    host[253] = '\0';
    cr_assert(dns_host_normal(host, out));
    host[253] = '.';
    host[254] = '\0';
    cr_assert(dns_host_normal(host, out), "the dot does not count");
    cr_assert_eq(strlen(out), 253);
    host[253] = 'a';
    cr_assert_not(dns_host_normal(host, out));
    cr_assert_str_empty(out);
}

/* In Turkish the small form of capital I has no dot. */
Test(host_name, whatever_the_locale)
{
    if (setlocale(LC_ALL, "tr_TR.ISO-8859-9") == NULL) {
        (void)setlocale(LC_ALL, "tr_TR.UTF-8");
    }
    cr_assert(dns_host_equal("INFO.EXAMPLE", "info.example"));
}

struct item {
    struct shim_table_node node;
    unsigned number;
};

static bool is_odd(struct shim_table_node *node, void *context)
{
    (void)context;
    return ((struct item *)node)->number % 2 != 0;
}

Test(table, many)
{
    enum { ITEMS = 20000, HASHES = 5000 };
    static struct item items[ITEMS];
    static struct shim_table table;
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i].number = i;
        shim_table_add(&table, &items[i].node, i % HASHES);
    }
    cr_assert_eq(table.count, ITEMS);
    shim_table_sweep(&table, is_odd, NULL);
    cr_assert_eq(table.count, ITEMS / 2);
    for (unsigned i = 0; i < HASHES; i++) {
        unsigned found = 0;
        struct shim_table_node *node = shim_table_find(&table, i);
        for (; node != NULL; node = shim_table_next(node)) {
            cr_assert_eq(((struct item *)node)->number % HASHES, i);
            found++;
        }
        cr_assert_eq(found, i % 2 == 0 ? ITEMS / HASHES : 0);
    }
    shim_table_remove(&table, &items[4].node);
    for (struct shim_table_node *node = shim_table_find(&table, 4); node != NULL;
         node = shim_table_next(node)) {
        cr_assert_neq(node, &items[4].node);
    }
    cr_assert_eq(table.count, ITEMS / 2 - 1);
    free(table.buckets);
}
