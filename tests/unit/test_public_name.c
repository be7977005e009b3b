/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/config.h"
#include "vectors.h"

/* test_config.c has the names of echconfig.json; these are the edges around them. */
static bool valid(const char *name)
{
    struct octets exact = octets_copy(bytes_of(name, strlen(name)));
    bool answer = ech_public_name_valid(octets_view(&exact));
    octets_free(&exact);
    return answer;
}

Test(public_name, ech_9_dot_separated_ldh_labels)
{
    cr_assert(valid("a"));
    cr_assert(valid("a-b.c--d.e"));
    cr_assert_not(valid(""));
    cr_assert_not(valid("."));
    cr_assert_not(valid("a."));
    cr_assert_not(valid(".a"));
    cr_assert_not(valid("-"));
    cr_assert_not(valid("a.-"));
    cr_assert_not(valid("a.b-"));
    cr_assert_not(valid("a.-b"));
    cr_assert_not(valid("a/b"));
    cr_assert_not(valid("a@b"));
    cr_assert_not(valid("a[b"));
    cr_assert_not(valid("a`b"));
    cr_assert_not(valid("a{b"));
    cr_assert_not(valid("a:b"));
    char label[66];
    memset(label, 'x', sizeof label);
    label[63] = '\0';
    cr_assert(valid(label));
    label[63] = 'x';
    label[64] = '\0';
    cr_assert_not(valid(label));
}

Test(public_name, ech_10_last_label_is_not_a_number)
{
    cr_assert_not(valid("1.2.3.4"));
    cr_assert_not(valid("name.0"));
    cr_assert_not(valid("name.0x"));
    cr_assert_not(valid("name.0XaF9"));
    cr_assert_not(valid("0x"));
    cr_assert(valid("name.0xg"));
    cr_assert(valid("name.00x1"));
    cr_assert(valid("name.1x1"));
    cr_assert(valid("0x1.name"));
    cr_assert(valid("127.0.0.1a"));
    cr_assert(valid("name.x0"));
    cr_assert(valid("name.0-0"));
}
