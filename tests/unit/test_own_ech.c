/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/own_ech.h"

#include <criterion/criterion.h>
#include <string.h>

/* config_id 7, an X25519 key of 2 octets (not checked here), public name "a.example". */
static const uint8_t list[] = {0,   35,  0xfe, 0x0d, 0,   31,  7,   0,   32, 0, 2, 1, 2,
                               0,   8,   0,    1,    0,   1,   0,   1,   0,  3, 0, 9, 'a',
                               '.', 'e', 'x',  'a',  'm', 'p', 'l', 'e', 0,  0, 0};

Test(own_ech, a_config_is_known_by_identifier_and_name)
{
    cr_assert_not(shim_own_ech_any());
    shim_own_ech_note(list, 2 + list[1]);
    cr_assert(shim_own_ech_any());
    cr_assert(shim_own_ech_has(7, "a.example"));
    cr_assert(shim_own_ech_has(7, "A.Example"));
    cr_assert_not(shim_own_ech_has(8, "a.example"));
    cr_assert_not(shim_own_ech_has(7, "a.example.org"));
}

Test(own_ech, what_is_cut_is_no_config)
{
    for (size_t length = 0; length < 2u + list[1]; length++) {
        shim_own_ech_note(list, length);
        cr_assert_not(shim_own_ech_any(), "%zu octets", length);
    }
    shim_own_ech_note(NULL, 5);
    cr_assert_not(shim_own_ech_any());
}

/* Lists of several configs, some of them unknown to us. */

struct list {
    uint8_t octets[512];
    size_t length;
};

static void add_config(struct list *list, uint16_t version, uint8_t config_id, const char *name,
                       size_t name_length)
{
    uint8_t *at = list->octets + (list->length == 0 ? 2 : list->length);
    const uint8_t before[] = {
        version >> 8, version & 0xff, 0, 0, config_id, 0, 32, 0, 1, 9, 0, 4, 0, 1, 0, 1, 0};
    memcpy(at, before, sizeof before);
    size_t length = sizeof before;
    at[length++] = (uint8_t)name_length;
    memcpy(at + length, name, name_length);
    length += name_length;
    at[length++] = 0; /* extensions */
    at[length++] = 0;
    at[3] = (uint8_t)(length - 4);
    list->length = (size_t)(at - list->octets) + length;
    list->octets[0] = (uint8_t)((list->length - 2) >> 8);
    list->octets[1] = (uint8_t)(list->length - 2);
}

Test(own_ech, every_config_of_a_list_counts)
{
    struct list several = {.length = 0};
    add_config(&several, 0xfe0d, 1, "one.example", 11);
    add_config(&several, 0xfe0a, 2, "draft.example", 13); /* of another version */
    add_config(&several, 0xfe0d, 3, "three.example", 13);
    shim_own_ech_note(several.octets, several.length);
    cr_assert(shim_own_ech_has(1, "one.example"));
    cr_assert_not(shim_own_ech_has(2, "draft.example"));
    cr_assert(shim_own_ech_has(3, "three.example"));
    cr_assert_not(shim_own_ech_has(1, "three.example"));
    cr_assert_not(shim_own_ech_has(3, "one.example"));
}

Test(own_ech, names_that_no_hello_can_have)
{
    struct list odd = {.length = 0};
    add_config(&odd, 0xfe0d, 1, "", 0);
    add_config(&odd, 0xfe0d, 2, "a\0b.example", 11);
    shim_own_ech_note(odd.octets, odd.length);
    cr_assert_not(shim_own_ech_any());
    cr_assert_not(shim_own_ech_has(1, ""));
    cr_assert_not(shim_own_ech_has(2, "a"));
}

/* The longest name, with octets behind the list that a library may read too. */
Test(own_ech, the_longest_name_and_octets_behind)
{
    char name[UINT8_MAX + 1];
    struct list longest = {.length = 0};
    memset(name, 'x', sizeof name);
    name[UINT8_MAX] = '\0';
    uint8_t *at = longest.octets;
    const uint8_t before[] = {1, 18, 0xfe, 0x0d, 1, 14, 5, 0, 32, 0, 0, 0, 4, 0, 1, 0, 1, 0, 255};
    memcpy(at, before, sizeof before);
    memcpy(at + sizeof before, name, UINT8_MAX);
    shim_own_ech_note(at, sizeof before + UINT8_MAX + 2 + 7);
    cr_assert(shim_own_ech_has(5, name));
}
