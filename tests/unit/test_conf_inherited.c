/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict mode inherited by child processes: what is passed on, and how it is read. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/conf.h"

#define FILE_NAME "/home/a/.config/echshim/echshim.conf"

enum { USER = 1000 };

static struct shim_conf conf;

static void fresh(const char *file)
{
    shim_conf_free(&conf);
    cr_assert_eq(shim_conf_add_file(&conf, FILE_NAME, bytes_of(file, strlen(file)), SHIM_CONF_USER),
                 ECH_OK);
}

static void expect_handed(const char *file, const char *inherited, const char *expected)
{
    fresh(file);
    char *variable = shim_conf_hand_on(&conf, FILE_NAME, conf.broken, inherited, USER);
    if (expected == NULL) {
        cr_assert_null(variable, "%s", variable);
    } else {
        cr_assert_not_null(variable);
        cr_assert_str_eq(variable, expected);
    }
    free(variable);
}

Test(conf_inherited, what_is_handed_on)
{
    expect_handed("", NULL, NULL);
    expect_handed("[default]\nmode = grease\n", NULL, NULL);
    expect_handed("[default]\nmode = strict\n", NULL, "ECHSHIM_INHERITED=1000:*");
    expect_handed("[default]\nmode = strickt\n", NULL, "ECHSHIM_INHERITED=1000:*");
    expect_handed("[host \"a.example\"]\nmode = strict\n[host \"*.b.example\"]\nmode = strict\n"
                  "[host \"c.example\"]\nmode = off\n",
                  NULL, "ECHSHIM_INHERITED=1000:a.example,1000:*.b.example");
    expect_handed("[nonsense]\n", NULL, "ECHSHIM_INHERITED=1000:*");
    /* Another user's entry is passed on. For this user, the file says what holds now. */
    expect_handed("", "0:a.example", "ECHSHIM_INHERITED=0:a.example");
    expect_handed("", "1000:*", NULL);
    expect_handed("[host \"b.example\"]\nmode = strict\n", "0:a.example,1000:c.example",
                  "ECHSHIM_INHERITED=1000:b.example,0:a.example");
    expect_handed("[default]\nmode = strict\n", "0:*", "ECHSHIM_INHERITED=1000:*,0:*");
}

Test(conf_inherited, what_does_not_fit_is_strict_for_all)
{
    char *file = calloc(1, 200 * 100);
    for (unsigned i = 0; i < 400; i++) {
        char section[64];
        (void)snprintf(section, sizeof section, "[host \"host%u.example\"]\nmode = strict\n", i);
        strcat(file, section);
    }
    expect_handed(file, NULL, "ECHSHIM_INHERITED=4294967295:*");
    free(file);
}

static const char *mode_of(const char *host)
{
    const char *mode = shim_conf_value(&conf, SHIM_CONF_MODE, host);
    return mode != NULL ? mode : "-";
}

static void take(const char *file, const char *inherited)
{
    fresh(file);
    cr_assert_eq(shim_conf_inherit(&conf, inherited, USER), ECH_OK);
}

Test(conf_inherited, what_is_made_of_it)
{
    take("", "0:a.example,0:*.b.example");
    cr_assert_str_eq(mode_of(NULL), "-");
    cr_assert_str_eq(mode_of("A.example."), "strict");
    cr_assert_str_eq(mode_of("x.b.example"), "strict");
    cr_assert_str_eq(mode_of("c.example"), "-");
    take("", "1000:*");
    cr_assert_str_eq(mode_of(NULL), "-");
    take("", "0:*");
    cr_assert_str_eq(mode_of(NULL), "strict");
    /* This user's own file does not undo it. */
    take("[default]\nmode = off\n[host \"a.example\"]\nmode = off\n", "0:*");
    cr_assert_str_eq(mode_of("a.example"), "strict");
    take("[default]\nmode = off\n", "0:a.example");
    cr_assert_str_eq(mode_of("a.example"), "strict");
    cr_assert_str_eq(mode_of("b.example"), "off");
}

Test(conf_inherited, what_cannot_be_understood_is_strict)
{
    static const char *const texts[] = {"x",       ",",     "0",
                                        "0:",      "-1:*",  ":*",
                                        "0:*,x",   "0x0:*", "1000:a,nonsense",
                                        "*",       "+1:a",  " 0:a.example",
                                        "0:a,,0:b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        take("", texts[i]);
        cr_assert_str_eq(mode_of(NULL), "strict", "\"%s\"", texts[i]);
    }
    take("", "");
    cr_assert_str_eq(mode_of(NULL), "-");
}
