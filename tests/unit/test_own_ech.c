/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/own_ech.h"

#include <criterion/criterion.h>

/* config_id 7, an X25519 key of 2 octets (nobody looks at it here), public name "a.example". */
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
