/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>

#include "shim/common/mode.h"

Test(mode, words)
{
    static const char *const words[] = {"off", "grease", "opportunistic", "strict"};
    for (int i = 0; i < 4; i++) {
        enum shim_mode mode = SHIM_MODE_STRICT;
        cr_assert(shim_mode_parse(words[i], &mode), "%s", words[i]);
        cr_assert_eq(mode, (enum shim_mode)i);
        cr_assert_str_eq(shim_mode_name(mode), words[i]);
    }
}

Test(mode, the_default_is_opportunistic)
{
    enum shim_mode mode = SHIM_MODE_OFF;
    cr_assert(shim_mode_parse(NULL, &mode));
    cr_assert_eq(mode, SHIM_MODE_OPPORTUNISTIC);
    mode = SHIM_MODE_OFF;
    cr_assert(shim_mode_parse("", &mode));
    cr_assert_eq(mode, SHIM_MODE_OPPORTUNISTIC);
}

Test(mode, an_unknown_word_is_strict)
{
    static const char *const words[] = {"on", "Off", "off ", " off", "strictly", "0", "gre"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        enum shim_mode mode = SHIM_MODE_OFF;
        cr_assert_not(shim_mode_parse(words[i], &mode), "%s", words[i]);
        cr_assert_eq(mode, SHIM_MODE_STRICT);
    }
}
