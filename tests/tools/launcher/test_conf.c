/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim and the configuration files: --check-config, and a mode set by a file. */
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(launcher_conf, .fini = tool_end, .timeout = 60);

enum { BAD = 1, OWN = 125 };

static struct tool_result with_conf(const char *text, char *const argv[])
{
    static char variable[400];
    static unsigned files;
    char name[32];
    snprintf(name, sizeof name, "mine%u.conf", ++files);
    snprintf(variable, sizeof variable, "ECHSHIM_CONF=%s", tool_file(name, text, 0644));
    return tool_run((char *[]){variable, NULL}, argv);
}

Test(launcher_conf, a_good_file)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--check-config",
                            tool_file("a.conf",
                                      "[default]\nmode = strict\n[host \"*.example\"]\nresolver = "
                                      "tls://192.0.2.1\nretry = off\n",
                                      0644)));
    tool_expect_exit(&result, 0);
    tool_expect_out(&result, "a.conf: 2 sections, 3 values\n");
    cr_assert_str_empty(result.err);
}

/* Reports each mistake with its line. */
Test(launcher_conf, a_bad_file)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--check-config",
                            tool_file("a.conf",
                                      "[default]\nmode = stirct\nmdoe = off\n[host \"a b\"]\n"
                                      "[program \"x\"]\ntimeout_ms = 0\nresolver = udp://\n",
                                      0644)));
    tool_expect_exit(&result, BAD);
    tool_expect_err(&result, "a.conf:2: mode: cannot use \"stirct\": a mode is off, grease, "
                             "opportunistic or strict\n");
    tool_expect_err(&result, "a.conf:3: there is no key \"mdoe\"\n");
    tool_expect_err(&result, "a.conf:4: not the name of a host");
    tool_expect_err(&result, "a.conf:6: timeout_ms: cannot use \"0\"");
    tool_expect_err(&result, "a.conf:7: resolver: cannot use \"udp://\"");
}

Test(launcher_conf, a_file_that_cannot_be_read)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--check-config", "/nowhere/a.conf"));
    tool_expect_sentence(&result, BAD, "/nowhere/a.conf: No such file or directory");
}

Test(launcher_conf, two_files)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--check-config", "/a", "/b"));
    tool_expect_sentence(&result, OWN, "--check-config takes one file, or none");
}

Test(launcher_conf, whose_word_counts)
{
    char *conf = tool_file("mine.conf", "[default]\nmode = strict\nretry = off\n", 0644);
    char variable[400];
    snprintf(variable, sizeof variable, "ECHSHIM_CONF=%s", conf);
    struct tool_result result =
        tool_run(ARGV(variable, "ECHSHIM_MODE=grease"), ARGV("echshim", "--check-config"));
    tool_expect_exit(&result, 0);
    tool_expect_out(&result, "mode = grease  (ECHSHIM_MODE)\n");
    snprintf(variable, sizeof variable, "retry = off  (%s:3)\n", conf);
    tool_expect_out(&result, variable);
}

Test(launcher_conf, nothing_is_well)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--check-config"));
    tool_expect_exit(&result, 0);
}

/* ---- the mode of a program ---- */

Test(launcher_conf, strict_by_a_file)
{
    struct tool_result result =
        with_conf("[default]\nmode = strict\n", ARGV("echshim", tool_program("static")));
    tool_expect_sentence(&result, 0, "strict mode refuses its TLS");
}

Test(launcher_conf, strict_for_one_program)
{
    char *program = tool_program("static");
    char text[600];
    snprintf(text, sizeof text, "[program \"%s\"]\nmode = strict\n", program);
    struct tool_result result = with_conf(text, ARGV("echshim", program));
    tool_expect_sentence(&result, 0, "strict mode refuses its TLS");
    result = with_conf("[program \"/usr/bin/true\"]\nmode = strict\n", ARGV("echshim", program));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, "runs without the shim");
}

Test(launcher_conf, an_option_wins)
{
    struct tool_result result =
        with_conf("[default]\nmode = strict\n", ARGV("echshim", "--off", tool_program("static")));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
}

/* A mistake makes the mode strict: echshim says that, too. */
Test(launcher_conf, why_a_program_is_held)
{
    struct tool_result result =
        with_conf("[default]\nmdoe = off\n", ARGV("echshim", tool_program("static")));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, "mine1.conf:2: there is no key \"mdoe\"\n");
    tool_expect_err(&result, "strict mode refuses its TLS");
}
