/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files: how they are read, and which of several values counts. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "settings_rig.h"

static const char *value(const struct settings_rig *rig, enum shim_conf_key key, const char *host)
{
    const char *text = shim_conf_value(&rig->conf, key, host);
    return text != NULL ? text : "-";
}

#define RIG(...)                                                                                   \
    struct settings_rig rig = {__VA_ARGS__};                                                       \
    settings_rig_conf(&rig)

/* All problems, one a line. */
static const char *problems(const struct settings_rig *rig)
{
    static char text[RIG_SAID];
    text[0] = '\0';
    for (size_t i = 0; i < rig->conf.problem_count; i++) {
        strcat(strcat(text, rig->conf.problems[i]), "\n");
    }
    return text;
}

static void expect_problem(const char *file, const char *problem)
{
    RIG(.file = file);
    char line[400];
    snprintf(line, sizeof line, RIG_FILE ":%s\n", problem);
    cr_assert_str_eq(problems(&rig), line, "in:\n%s", file);
    cr_assert(rig.conf.broken);
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "any.example"), "strict", "fails closed");
    shim_conf_free(&rig.conf);
}

Test(conf, sections_and_keys)
{
    RIG(.file = "# a comment\n"
                "; another\n"
                "\n"
                "[default]\n"
                "mode = grease ; and one behind a value\n"
                "ports=443,8443\n"
                "  \t\n"
                "[host \"secret.example.org\"] ; not [default]\r\n"
                "mode: strict\r\n"
                "retry = off");
    cr_assert_str_empty(problems(&rig));
    cr_assert_not(rig.conf.broken);
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "grease");
    cr_assert_str_eq(value(&rig, SHIM_CONF_PORTS, "secret.example.org"), "443,8443");
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "SECRET.example.org."), "strict");
    cr_assert_str_eq(value(&rig, SHIM_CONF_RETRY, "secret.example.org"), "off");
    cr_assert_str_eq(value(&rig, SHIM_CONF_RETRY, "example.org"), "-");
    shim_conf_free(&rig.conf);
}

Test(conf, nothing_is_no_file)
{
    RIG(.file = "");
    cr_assert_not(rig.conf.broken);
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "-");
    shim_conf_free(&rig.conf);
}

Test(conf, a_byte_order_mark_is_none)
{
    RIG(.file = "\xef\xbb\xbf[default]\nmode = off\n");
    cr_assert_str_empty(problems(&rig));
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "off");
    shim_conf_free(&rig.conf);
}

/* inih cuts a section's name at 49 characters, and a line at 197. */
Test(conf, long_lines_and_names)
{
    static char file[4096];
    char list[1201];
    char host[128];
    memset(list, 'A', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    snprintf(host, sizeof host, "%060d.example.org", 7);
    for (size_t spaces = 0; spaces < 220; spaces++) {
        snprintf(file, sizeof file, "[host \"%s\"]\nconfig_list =%*s%s ; %s\nretry = off\n", host,
                 (int)spaces, "", list, list);
        RIG(.file = file);
        cr_assert_str_empty(problems(&rig));
        cr_assert_str_eq(value(&rig, SHIM_CONF_CONFIG_LIST, host), list, "%zu", spaces);
        cr_assert_str_eq(value(&rig, SHIM_CONF_RETRY, host), "off");
        shim_conf_free(&rig.conf);
    }
}

Test(conf, values_go_on_in_indented_lines)
{
    RIG(.file = "[default]\nports = 443,\n   8443,\n\t9443\nlog = info\n");
    cr_assert_str_empty(problems(&rig));
    cr_assert_str_eq(value(&rig, SHIM_CONF_PORTS, NULL), "443,8443,9443");
    cr_assert_str_eq(value(&rig, SHIM_CONF_LOG, NULL), "info");
    shim_conf_free(&rig.conf);
}

Test(conf, problems_name_file_and_line)
{
    expect_problem("[default]\n\nmdoe = off\n", "3: there is no key \"mdoe\"");
    expect_problem("[defaults]\nmode = off\n",
                   "1: cannot use [defaults]: sections are [default], [host \"NAME\"] and [program "
                   "\"PATH\"]");
    expect_problem("[host example.org]\n",
                   "1: cannot use [host example.org]: sections are [default], [host \"NAME\"] and "
                   "[program \"PATH\"]");
    expect_problem("[host \"\"]\n", "1: cannot use [host \"\"]: sections are [default], [host "
                                    "\"NAME\"] and [program \"PATH\"]");
    expect_problem("mode = off\n", "1: a key stands in a section: [default], [host \"NAME\"] or "
                                   "[program \"PATH\"]");
    expect_problem("[default]\nmode\n", "2: not understood: neither [section] nor key = value");
    expect_problem("[default]\nmode off\n[host \"a.example\"]\n",
                   "2: not understood: neither [section] nor key = value");
    expect_problem("[default]\nmode =\n", "2: mode: no value");
    expect_problem("[default\nmode = off\n", "1: a section's name ends with ] and nothing follows");
    expect_problem("[default] mode = off\n", "1: a section's name ends with ] and nothing follows");
    expect_problem("[host \"a.example\"]\nreport = /tmp/x\n", "2: report: not for single hosts");
    expect_problem("[host \"*a.example\"]\n", "1: not the name of a host (example.org, "
                                              "*.example.org or *; IDNs as xn--...)");
    expect_problem("[host \"b\xc3\xbc"
                   "cher.example\"]\n",
                   "1: not the name of a host (example.org, *.example.org or *; IDNs as xn--...)");
    expect_problem("[program \"bin/git\"]\n",
                   "1: the path of a program begins with /, or has none");
    expect_problem("[default]\n\n  mode = off\n",
                   "3: an indented line continues the value before it, but there is none");
    expect_problem("[default]\nlocked = yes\nmode = off\n",
                   "2: locked: only in /etc/echshim.conf, as root's own file");
    expect_problem("[default]\nlocked = on\n", "2: locked: it is yes or no");
    expect_problem("[default]\nca_file = ca.pem\n",
                   "2: ca_file: \"ca.pem\" is not an absolute path");
    expect_problem("[default]\nreport = ech.report\n",
                   "2: report: \"ech.report\" is not an absolute path");
}

Test(conf, an_octet_0_is_a_problem)
{
    static const char file[] = "[default]\nmode = off\0strict\n";
    struct settings_rig rig = {.file = NULL};
    cr_assert_eq(
        shim_conf_add_file(&rig.conf, RIG_FILE, bytes_of(file, sizeof file - 1), SHIM_CONF_USER),
        ECH_OK);
    cr_assert_str_eq(problems(&rig), RIG_FILE ":2: there is an octet 0 in this line\n");
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "strict");
    shim_conf_free(&rig.conf);
}

Test(conf, many_problems_are_told_in_part)
{
    static char file[8192] = "[default]\n";
    for (int i = 0; i < 100; i++) {
        strcat(file, "nothing\n");
    }
    RIG(.file = file);
    cr_assert_eq(rig.conf.problem_count, SHIM_CONF_PROBLEMS);
    shim_conf_free(&rig.conf);
}

Test(conf, hosts)
{
    cr_assert(shim_conf_host_matches("example.org", "example.org"));
    cr_assert(shim_conf_host_matches("Example.org", "eXample.ORG."));
    cr_assert_not(shim_conf_host_matches("example.org", "www.example.org"));
    cr_assert_not(shim_conf_host_matches("example.org", "example.or"));
    cr_assert(shim_conf_host_matches("*.example.org", "a.b.example.org"));
    cr_assert_not(shim_conf_host_matches("*.example.org", "example.org"));
    cr_assert_not(shim_conf_host_matches("*.example.org", ".example.org"));
    cr_assert_not(shim_conf_host_matches("*.example.org", "notexample.org"));
    cr_assert(shim_conf_host_matches("*", "a"));
    cr_assert_not(shim_conf_host_matches("*", ""));
    cr_assert_not(shim_conf_host_matches("*", "."));
}

/* The environment beats files, and locked sections beat it. Otherwise the more specific section
 * wins, then the later one. */
Test(conf, precedence)
{
    static const char file[] = "[host \"a.example\"]\n"
                               "mode = off\n"
                               "[host \"*.example\"]\n"
                               "mode = grease\n"
                               "[host \"*\"]\n"
                               "mode = strict\n"
                               "[default]\n"
                               "mode = opportunistic\n"
                               "retry = on\n"
                               "[default]\n"
                               "retry = off\n"
                               "[host \"*.b.example\"]\n"
                               "mode = strict\n"
                               "[host \"a.example\"]\n"
                               "grease = off\n";
    {
        RIG(.file = file);
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.example"), "off");
        cr_assert_str_eq(value(&rig, SHIM_CONF_GREASE, "a.example"), "off");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "c.example"), "grease");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.b.example"), "strict", "longer pattern");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "example.org"), "strict");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "opportunistic");
        cr_assert_str_eq(value(&rig, SHIM_CONF_RETRY, NULL), "off", "the later one");
        cr_assert(shim_conf_has_hosts(&rig.conf, SHIM_CONF_MODE));
        cr_assert_not(shim_conf_has_hosts(&rig.conf, SHIM_CONF_RETRY));
        shim_conf_free(&rig.conf);
    }
    {
        RIG(.file = file, .items = {"ECHSHIM_MODE", "opportunistic"});
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.example"), "opportunistic");
        cr_assert_str_eq(value(&rig, SHIM_CONF_GREASE, "a.example"), "off");
        cr_assert_not(shim_conf_has_hosts(&rig.conf, SHIM_CONF_MODE));
        shim_conf_free(&rig.conf);
    }
    {
        RIG(.file = "[host \"a.example\"]\n"
                    "locked = yes\n"
                    "mode = off\n"
                    "[default]\n"
                    "mode = strict\n"
                    "locked = yes\n"
                    "[host \"b.example\"]\n"
                    "mode = off\n",
            .trusted = true, .items = {"ECHSHIM_MODE", "grease"});
        cr_assert_str_empty(problems(&rig));
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "strict");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.example"), "off");
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "b.example"), "strict", "is not locked");
        shim_conf_free(&rig.conf);
    }
}

/* With ECHSHIM_CONF, only the locked sections of the system's file count. */
Test(conf, locked_only)
{
    static const char system[] = "[default]\nretry = off\n"
                                 "[default]\nlocked = yes\ngrease = off\n";
    static const char own[] = "[default]\ngrease = on\nmode = grease\n";
    struct settings_rig rig = {.file = NULL};
    cr_assert_eq(shim_conf_add_file(&rig.conf, RIG_FILE, bytes_of(system, sizeof system - 1),
                                    SHIM_CONF_LOCKED_ONLY),
                 ECH_OK);
    cr_assert_eq(
        shim_conf_add_file(&rig.conf, "/home/own", bytes_of(own, sizeof own - 1), SHIM_CONF_USER),
        ECH_OK);
    cr_assert_str_eq(value(&rig, SHIM_CONF_RETRY, NULL), "-");
    cr_assert_str_eq(value(&rig, SHIM_CONF_GREASE, NULL), "off");
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "grease");
    shim_conf_free(&rig.conf);
}

/* A program's section counts if it names this process or one that started it. */
Test(conf, programs)
{
    RIG(.file = "[default]\nmode = off\n[program \"/usr/bin/git\"]\nmode = grease\n"
                "[program \"*\"]\nmode = strict\n");
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "off");
    rig.conf.sections[1]->closeness = 60;
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "grease");
    rig.conf.sections[2]->closeness = 64;
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, NULL), "strict", "the nearer one");
    shim_conf_free(&rig.conf);
}

/* A broken section may have asked for strict mode; a mode from the environment still counts. */
Test(conf, broken_is_strict)
{
    static const char file[] = "[host \"a.example\"]\nmdoe = strict\nmode = off\n";
    {
        RIG(.file = file);
        cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.example"), "strict");
        cr_assert_not(shim_conf_has_hosts(&rig.conf, SHIM_CONF_MODE));
        shim_conf_free(&rig.conf);
    }
    RIG(.file = file, .items = {"ECHSHIM_MODE", "grease"});
    cr_assert_str_eq(value(&rig, SHIM_CONF_MODE, "a.example"), "grease");
    shim_conf_free(&rig.conf);
}

/* ---- what the settings mean ---- */

#define CONFIG "AAj+CgAEAAAAAA=="

Test(conf, settings_of_hosts)
{
    struct settings_rig rig = {.file = "[default]\n"
                                       "ports = 443\n"
                                       "resolver = tls://192.0.2.1\n"
                                       "[host \"*.corp.example\"]\n"
                                       "resolver = system\n"
                                       "mode = off\n"
                                       "private = on\n"
                                       "[host \"secret.example\"]\n"
                                       "mode = strict\n"
                                       "ports = 8443\n"
                                       "retry = off\n"
                                       "grease = off\n"
                                       "config_list = " CONFIG "\n"};
    struct shim_settings settings = settings_rig_parse(&rig, 0);
    struct shim_host_settings own;
    cr_assert_eq(settings.resolver_count, 2);
    cr_assert(settings.names_protected);
    cr_assert(shim_settings_watches(&settings, 443) && shim_settings_watches(&settings, 8443));

    shim_settings_of_host(&settings, "www.example", &own);
    cr_assert(own.mode == SHIM_MODE_OPPORTUNISTIC && own.retry && own.grease && !own.private);
    cr_assert(own.resolver == 0 && own.resolver_usable && own.names_protected);
    cr_assert_not(own.config_list_given);

    shim_settings_of_host(&settings, "wiki.corp.example", &own);
    cr_assert(own.mode == SHIM_MODE_OFF && own.private && own.resolver == 1);
    cr_assert(own.resolver_usable && !own.names_protected);

    shim_settings_of_host(&settings, "secret.example", &own);
    cr_assert(own.mode == SHIM_MODE_STRICT && !own.retry && !own.grease && own.resolver == 0);
    cr_assert(own.config_list_given && own.config_list_usable);
    cr_assert_eq(own.config_list.len, 10);

    shim_settings_of_host(&settings, NULL, &own);
    cr_assert_eq(own.mode, SHIM_MODE_OPPORTUNISTIC);
    settings_rig_free(&settings);
}

/* The usual name again for one host; and one that is no name. */
Test(conf, outer_names_of_hosts)
{
    struct settings_rig rig = {.file = "[default]\n"
                                       "outer_name = cover.example\n"
                                       "[host \"*.corp.example\"]\n"
                                       "outer_name = corp.example\n"
                                       "[host \"usual.corp.example\"]\n"
                                       "outer_name = public_name\n"
                                       "[host \"bad.example\"]\n"
                                       "outer_name = 192.0.2.1\n"};
    struct shim_settings settings = settings_rig_parse(&rig, 1);
    struct shim_host_settings own;
    cr_assert_not_null(strstr(rig.said,
                              RIG_FILE ":8: outer_name: cannot use \"192.0.2.1\": not the "
                                       "name of a host; handshakes are refused\n"));
    shim_settings_of_host(&settings, "www.example", &own);
    cr_assert_str_eq(own.outer_name, "cover.example");
    shim_settings_of_host(&settings, "wiki.corp.example", &own);
    cr_assert_str_eq(own.outer_name, "corp.example");
    shim_settings_of_host(&settings, "usual.corp.example", &own);
    cr_assert(own.outer_name == NULL && own.outer_name_usable);
    shim_settings_of_host(&settings, "bad.example", &own);
    cr_assert(own.outer_name == NULL && !own.outer_name_usable);
    settings_rig_free(&settings);
}

/* As large as a host list may be: each host has its own mode; all share the connection to the
 * resolver. */
Test(conf, thousands_of_hosts, .timeout = 60)
{
    enum { HOSTS = 8000 };
    static char file[HOSTS * 80];
    size_t length = 0;
    for (int i = 0; i < HOSTS; i++) {
        length += (size_t)snprintf(file + length, sizeof file - length,
                                   "[host \"h%d.example\"]\nmode = strict\n"
                                   "resolver = tls://192.0.2.%d\n",
                                   i, i % 2 + 1);
    }
    struct settings_rig rig = {.file = file};
    struct shim_settings settings = settings_rig_parse(&rig, 0);
    struct shim_host_settings own;
    cr_assert_eq(settings.resolver_count, 3);
    shim_settings_of_host(&settings, "h7999.example", &own);
    cr_assert(own.mode == SHIM_MODE_STRICT && own.names_protected);
    cr_assert_str_eq(settings.resolvers[own.resolver].text, "tls://192.0.2.2");
    settings_rig_free(&settings);
}

Test(conf, bad_values_of_hosts)
{
    struct settings_rig rig = {.file = "[host \"a.example\"]\n"
                                       "mode = stirct\n"
                                       "resolver = sytem\n"
                                       "ports = 8443,x\n"
                                       "config_list = ???\n"
                                       "retry = yes\n"
                                       "private = yes\n"};
    struct shim_settings settings = settings_rig_parse(&rig, 6);
    struct shim_host_settings own;
    cr_assert_not_null(
        strstr(rig.said, RIG_FILE ":2: mode: cannot use \"stirct\": mode is strict\n"));
    cr_assert_not_null(strstr(rig.said, RIG_FILE ":7: private: cannot use \"yes\": it is off\n"));
    shim_settings_of_host(&settings, "a.example", &own);
    cr_assert(own.mode == SHIM_MODE_STRICT && own.retry && !own.private);
    cr_assert(!own.resolver_usable && own.names_protected, "names are not asked for in clear");
    cr_assert(own.config_list_given && !own.config_list_usable);
    cr_assert(shim_settings_watches(&settings, 8443) && shim_settings_watches(&settings, 443));
    settings_rig_free(&settings);
}

Test(conf, the_environment_wins_over_hosts)
{
    struct settings_rig rig = {.file = "[host \"a.example\"]\n"
                                       "resolver = tls://192.0.2.1\n"
                                       "config_list = " CONFIG "\n",
                               .items = {"ECHSHIM_RESOLVER", "udp://192.0.2.2",
                                         "ECHSHIM_CONFIG_LIST", "b.example=" CONFIG}};
    struct shim_settings settings = settings_rig_parse(&rig, 0);
    struct shim_host_settings own;
    shim_settings_of_host(&settings, "a.example", &own);
    cr_assert(own.resolver == 0 && !own.names_protected && !settings.names_protected);
    cr_assert(own.config_list_given && own.config_list.len == 0);
    settings_rig_free(&settings);
}
