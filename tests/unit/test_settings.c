/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings_rig.h"
#include "shim/engine/settings/list_file.h"

#define PARSE(problems, ...)                                                                       \
    settings_rig_parse(&(struct settings_rig){.items = {__VA_ARGS__}}, problems)

static size_t config_of(const struct shim_settings *settings, const char *host)
{
    struct shim_host_settings own;
    shim_settings_of_host(settings, host, &own);
    return own.config_list.len;
}

/* A list of one config of another version, and one with a usable config. */
#define UNKNOWN "AAj+CgAEAAAAAA=="
/* The same with two configs: 18 octets. */
#define LONGER "ABD+CgAEAAAAAP4KAAQAAAAA"

Test(settings, defaults)
{
    struct shim_settings settings = PARSE(0, NULL);
    cr_assert_eq(settings.mode, SHIM_MODE_OPPORTUNISTIC);
    cr_assert_eq(settings.port_count, 1);
    cr_assert(shim_settings_watches(&settings, 443));
    cr_assert(settings.resolvers[0].usable);
    cr_assert_eq(settings.resolvers[0].resolver.kind, DNS_RESOLVER_SYSTEM);
    cr_assert_not(settings.config_list_given);
    cr_assert_eq(settings.timeout_ms, 2000);
    cr_assert_not(settings.private);
    cr_assert_eq(settings.log_level, SHIM_LOG_OFF);
    cr_assert_null(settings.cache);
    cr_assert_null(settings.log_file);
    cr_assert_null(settings.report);
    cr_assert_eq(settings.report_fd, -1);
    settings_rig_free(&settings);
}

Test(settings, empty_is_as_if_not_set)
{
    struct shim_settings settings =
        PARSE(0, "ECHSHIM_MODE", "", "ECHSHIM_PORTS", "", "ECHSHIM_RESOLVER", "",
              "ECHSHIM_CONFIG_LIST", "", "ECHSHIM_TIMEOUT_MS", "", "ECHSHIM_LOG", "",
              "ECHSHIM_LOG_FILE", "", "ECHSHIM_REPORT", "");
    cr_assert_eq(settings.mode, SHIM_MODE_OPPORTUNISTIC);
    cr_assert(shim_settings_watches(&settings, 443));
    cr_assert_not(settings.config_list_given);
    cr_assert_null(settings.report);
    settings_rig_free(&settings);
}

Test(settings, private)
{
    struct shim_settings settings = PARSE(0, "ECHSHIM_PRIVATE", "on");
    cr_assert(settings.private);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_PRIVATE", "off");
    cr_assert_not(settings.private);
    settings_rig_free(&settings);
    settings = PARSE(1, "ECHSHIM_PRIVATE", "yes");
    cr_assert_not(settings.private, "the safe choice");
    settings_rig_free(&settings);
}

Test(settings, outer_name)
{
    static const char *const bad[] = {"192.0.2.1",           "a..b",       ".",
                                      "under_score.example", "-a.example", "a b.example",
                                      "a.example.",          "*.example"};
    struct shim_host_settings own;
    struct shim_settings settings = PARSE(0, "ECHSHIM_OUTER_NAME", "cover.example");
    shim_settings_of_host(&settings, "secret.example", &own);
    cr_assert(own.outer_name_usable);
    cr_assert_str_eq(own.outer_name, "cover.example");
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_OUTER_NAME", "public_name");
    cr_assert(settings.outer_name == NULL && settings.outer_name_usable);
    settings_rig_free(&settings);
    settings = PARSE(0, NULL);
    cr_assert(settings.outer_name == NULL && settings.outer_name_usable);
    settings_rig_free(&settings);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settings = PARSE(1, "ECHSHIM_OUTER_NAME", bad[i]);
        shim_settings_of_host(&settings, "secret.example", &own);
        cr_assert(own.outer_name == NULL && !own.outer_name_usable, "%s", bad[i]);
        settings_rig_free(&settings);
    }
}

Test(settings, ports)
{
    struct shim_settings settings = PARSE(0, "ECHSHIM_PORTS", "8443,1,65535");
    cr_assert(shim_settings_watches(&settings, 8443));
    cr_assert(shim_settings_watches(&settings, 1));
    cr_assert(shim_settings_watches(&settings, 65535));
    cr_assert_not(shim_settings_watches(&settings, 443));
    settings_rig_free(&settings);
}

/* What could be read stays, and so does 443. */
Test(settings, bad_ports)
{
    static const char *const bad[] = {"8443,x",
                                      "8443,0",
                                      "8443,65536",
                                      "8443,",
                                      "8443,-1",
                                      "8443, 1",
                                      "8443,99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shim_settings settings = PARSE(1, "ECHSHIM_PORTS", bad[i]);
        cr_assert(shim_settings_watches(&settings, 8443), "%s", bad[i]);
        cr_assert(shim_settings_watches(&settings, 443), "%s", bad[i]);
        cr_assert_eq(settings.port_count, 2);
        settings_rig_free(&settings);
    }
}

Test(settings, more_ports_than_there_is_room_for)
{
    char list[6 * (SHIM_PORTS_MAX + 2)] = "";
    for (int i = 0; i < SHIM_PORTS_MAX + 1; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%d", i == 0 ? "" : ",",
                 1000 + i);
    }
    struct shim_settings settings = PARSE(1, "ECHSHIM_PORTS", list);
    cr_assert(shim_settings_watches(&settings, 443));
    cr_assert(shim_settings_watches(&settings, 1000));
    cr_assert_eq(settings.port_count, SHIM_PORTS_MAX);
    settings_rig_free(&settings);
}

Test(settings, resolver)
{
    struct shim_settings settings = PARSE(0, "ECHSHIM_RESOLVER", "tcp://[2001:db8::1]:5353");
    cr_assert(settings.resolvers[0].usable);
    cr_assert_eq(settings.resolvers[0].resolver.kind, DNS_RESOLVER_FIXED);
    settings_rig_free(&settings);
}

Test(settings, bad_resolver_is_nobody)
{
    static const char *const bad[] = {
        "192.0.2.1",          "udp://", "udp://name.example", "UDP://192.0.2.1",
        "udp://192.0.2.1:0",  "sytem",  "ftp://192.0.2.1",    "tls://dns.example",
        "https://dns.example"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shim_settings settings = PARSE(1, "ECHSHIM_RESOLVER", bad[i]);
        cr_assert_not(settings.resolvers[0].usable, "%s", bad[i]);
        settings_rig_free(&settings);
    }
}

Test(settings, cache)
{
    static const char *const same[] = {"/var/cache/ech", "/var/cache/ech/", "/var/cache/ech///"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct shim_settings settings = PARSE(0, "ECHSHIM_CACHE", same[i]);
        cr_assert_str_eq(settings.cache, "/var/cache/ech");
        settings_rig_free(&settings);
    }
    struct shim_settings settings = PARSE(0, "ECHSHIM_CACHE", "//");
    cr_assert_str_eq(settings.cache, "/");
    settings_rig_free(&settings);
}

Test(settings, bad_cache_is_none)
{
    static char long_path[5000];
    const char *const bad[] = {"cache", "./cache", "~/cache", long_path};
    memset(long_path, '/', sizeof long_path - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shim_settings settings = PARSE(1, "ECHSHIM_CACHE", bad[i]);
        cr_assert_null(settings.cache, "%s", bad[i]);
        settings_rig_free(&settings);
    }
}

Test(settings, config_list)
{
    struct shim_settings settings =
        PARSE(0, "ECHSHIM_CONFIG_LIST", "a.example=" UNKNOWN ",B.example=" UNKNOWN);
    cr_assert(settings.config_list_given);
    cr_assert(settings.config_list_usable);
    cr_assert_eq(config_of(&settings, "A.EXAMPLE"), 10);
    cr_assert_eq(config_of(&settings, "b.example"), 10);
    cr_assert_eq(config_of(&settings, "c.example"), 0);
    cr_assert_eq(config_of(&settings, "a.example.org"), 0);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_CONFIG_LIST", UNKNOWN);
    cr_assert_eq(config_of(&settings, "c.example"), 10);
    settings_rig_free(&settings);
}

static bool usable_for(const struct shim_settings *settings, const char *host)
{
    struct shim_host_settings own;
    shim_settings_of_host(settings, host, &own);
    return own.config_list_given && own.config_list_usable;
}

/* Spellings that people use, with a clear meaning. */
Test(settings, config_list_spellings)
{
    static const char *const good[] = {
        " a.example=" UNKNOWN,
        "a.example = " UNKNOWN " ",
        "A.Example.=" UNKNOWN,
        "\ta.example=" UNKNOWN ",",
        "a.example=" UNKNOWN ", a.example.=" UNKNOWN,
        "b.example=" UNKNOWN " ,\n a.example=" UNKNOWN,
        UNKNOWN " ",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct shim_settings settings = PARSE(0, "ECHSHIM_CONFIG_LIST", good[i]);
        cr_assert(usable_for(&settings, "a.example"), "%s", good[i]);
        cr_assert_eq(config_of(&settings, "a.example"), 10, "%s", good[i]);
        cr_assert_eq(config_of(&settings, "a.example."), 10, "%s", good[i]);
        settings_rig_free(&settings);
    }
}

/* The name is unclear, so no name may go out in the clear, except those with a good item of their
 * own. */
Test(settings, config_list_items_that_match_nothing)
{
    static const char *const bad[] = {
        "ech=" UNKNOWN,
        "ECH = " UNKNOWN,
        "=" UNKNOWN,
        "https://a.example=" UNKNOWN,
        "https://a.example/=" UNKNOWN,
        "a.example:443=" UNKNOWN,
        "192.0.2.1=" UNKNOWN,
        "2001:db8::1=" UNKNOWN,
        "[2001:db8::1]=" UNKNOWN,
        "*a.example=" UNKNOWN,
        "*.a.*=" UNKNOWN,
        "a.*.example=" UNKNOWN,
        "@=" UNKNOWN,
        "@",
        "a..example=" UNKNOWN,
        "a.example..=" UNKNOWN,
        ".a.example=" UNKNOWN,
        "a b.example=" UNKNOWN,
        "b\xc3\xbc"
        "cher.example=" UNKNOWN,
        "_443._https.a.example=" UNKNOWN,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example=" UNKNOWN,
        "AAj+CgAEAAAAA",
        "AAAA",
        "\"" UNKNOWN "\"",
        "-----BEGIN ECHCONFIG-----\n" UNKNOWN "\n-----END ECHCONFIG-----",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[512];
        (void)snprintf(list, sizeof list, "good.example=" UNKNOWN ",%s", bad[i]);
        struct shim_settings settings = PARSE(1, "ECHSHIM_CONFIG_LIST", list);
        cr_assert_not(usable_for(&settings, "a.example"), "%s", bad[i]);
        cr_assert_not(usable_for(&settings, ""), "%s", bad[i]);
        cr_assert(usable_for(&settings, "good.example"), "%s", bad[i]);
        settings_rig_free(&settings);
    }
    struct shim_settings settings = PARSE(1, "ECHSHIM_CONFIG_LIST", " , ,");
    cr_assert_not(usable_for(&settings, "a.example"));
    settings_rig_free(&settings);
}

/* That name is refused; others go on. */
Test(settings, config_list_items_that_are_broken)
{
    static const char *const bad[] = {
        "a.example=",
        "a.example=???",
        "a.example=AA==",
        "a.example=ech=" UNKNOWN,
        "a.example=\"" UNKNOWN "\"",
        "a.example=" UNKNOWN ",A.EXAMPLE.=AAj+CgAEAAAAAQ==",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[512];
        (void)snprintf(list, sizeof list, "%s,good.example=" UNKNOWN, bad[i]);
        struct shim_settings settings = PARSE(1, "ECHSHIM_CONFIG_LIST", list);
        cr_assert_not(usable_for(&settings, "a.example"), "%s", bad[i]);
        cr_assert(usable_for(&settings, "good.example"), "%s", bad[i]);
        cr_assert_eq(config_of(&settings, "good.example"), 10, "%s", bad[i]);
        cr_assert(usable_for(&settings, "b.example"), "%s", bad[i]);
        cr_assert_eq(config_of(&settings, "b.example"), 0, "%s", bad[i]);
        settings_rig_free(&settings);
    }
}

/* ---- one list for many names ---- */

Test(settings, config_list_patterns)
{
    struct shim_settings settings =
        PARSE(0, "ECHSHIM_CONFIG_LIST",
              "*.a.example=" UNKNOWN ",*.b.a.example=" LONGER ",b.a.example=" UNKNOWN);
    cr_assert_eq(config_of(&settings, "x.a.example"), 10);
    cr_assert_eq(config_of(&settings, "X.Y.A.Example."), 10);
    cr_assert_eq(config_of(&settings, "x.b.a.example"), 18, "the longer pattern wins");
    cr_assert_eq(config_of(&settings, "b.a.example"), 10, "a whole name wins");
    cr_assert_eq(config_of(&settings, "a.example"), 0);
    cr_assert_eq(config_of(&settings, "xa.example"), 0);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_CONFIG_LIST", "*=" UNKNOWN ",a.example=" LONGER);
    cr_assert_eq(config_of(&settings, "b.example"), 10);
    cr_assert_eq(config_of(&settings, "a.example"), 18);
    settings_rig_free(&settings);
    settings = PARSE(1, "ECHSHIM_CONFIG_LIST", "*.a.example=???," UNKNOWN);
    cr_assert_not(usable_for(&settings, "x.a.example"));
    cr_assert(usable_for(&settings, "a.example"));
    settings_rig_free(&settings);
}

static char file_path[2][64];

static void file_write(size_t number, const char *text)
{
    char fresh[80];
    (void)snprintf(file_path[number], sizeof file_path[number], "/tmp/settings-%d-%zu", getpid(),
                   number);
    (void)snprintf(fresh, sizeof fresh, "%s.new", file_path[number]);
    FILE *file = fopen(fresh, "we");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(rename(fresh, file_path[number]), 0);
}

/* The octets of the list that the host gets when it is used; 0: none. */
static size_t octets_for(const struct shim_settings *settings, const char *host)
{
    struct shim_host_settings own;
    uint8_t *list = NULL;
    size_t length = 0;
    shim_settings_of_host(settings, host, &own);
    if (own.config_file == NULL) {
        return own.config_list.len;
    }
    if (!shim_list_file_get(own.config_file, &list, &length)) {
        return 0;
    }
    free(list);
    return length;
}

Test(settings, config_list_from_a_file_that_changes)
{
    char list[256];
    file_write(0, UNKNOWN "\n");
    (void)snprintf(list, sizeof list, "*.a.example=@%s", file_path[0]);
    struct shim_settings settings = PARSE(0, "ECHSHIM_CONFIG_LIST", list);
    cr_assert_eq(octets_for(&settings, "x.a.example"), 10);
    cr_assert_eq(octets_for(&settings, "b.example"), 0);
    file_write(0, "-----BEGIN ECHCONFIG-----\n" LONGER "\n-----END ECHCONFIG-----\n");
    cr_assert_eq(octets_for(&settings, "x.a.example"), 18);
    file_write(0, "half of a li");
    cr_assert_eq(octets_for(&settings, "x.a.example"), 18, "what was good is kept");
    file_write(0, "");
    cr_assert_eq(octets_for(&settings, "x.a.example"), 18);
    cr_assert_eq(unlink(file_path[0]), 0);
    cr_assert_eq(octets_for(&settings, "x.a.example"), 18);
    file_write(0, UNKNOWN);
    cr_assert_eq(octets_for(&settings, "x.a.example"), 10);
    (void)unlink(file_path[0]);
    settings_rig_free(&settings);
}

Test(settings, config_list_from_a_file_that_comes_later)
{
    char list[256];
    file_write(0, "");
    (void)snprintf(list, sizeof list, "@%s", file_path[0]);
    struct shim_settings settings = PARSE(1, "ECHSHIM_CONFIG_LIST", list);
    cr_assert_eq(octets_for(&settings, "a.example"), 0);
    file_write(0, UNKNOWN);
    cr_assert_eq(octets_for(&settings, "a.example"), 10);
    (void)unlink(file_path[0]);
    settings_rig_free(&settings);
}

Test(settings, config_list_for_the_names_of_a_file)
{
    char list[256];
    file_write(0, "# of a CDN\nA.example.\n  b.example # and more\r\n*.c.example\n\n");
    file_write(1, LONGER);
    (void)snprintf(list, sizeof list, "@%s=" UNKNOWN ",d.example=@%s", file_path[0], file_path[1]);
    struct shim_settings settings = PARSE(0, "ECHSHIM_CONFIG_LIST", list);
    cr_assert_eq(octets_for(&settings, "a.example"), 10);
    cr_assert_eq(octets_for(&settings, "b.example"), 10);
    cr_assert_eq(octets_for(&settings, "x.c.example"), 10);
    cr_assert_eq(octets_for(&settings, "c.example"), 0);
    cr_assert_eq(octets_for(&settings, "d.example"), 18);
    file_write(0, "c.example\n");
    cr_assert_eq(octets_for(&settings, "c.example"), 10);
    cr_assert_eq(octets_for(&settings, "a.example"), 0);
    settings_rig_free(&settings);
    /* Nobody knows which names it was for. */
    (void)unlink(file_path[0]);
    settings = PARSE(1, "ECHSHIM_CONFIG_LIST", list);
    cr_assert_not(usable_for(&settings, "a.example"));
    cr_assert(usable_for(&settings, "d.example"));
    (void)unlink(file_path[1]);
    settings_rig_free(&settings);
}

/* A file that is no file, and one that never ends. */
Test(settings, config_list_files_that_are_none)
{
    static const char *const bad[] = {"@/dev/zero", "@/", "@/nonexistent/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shim_settings settings = PARSE(1, "ECHSHIM_CONFIG_LIST", bad[i]);
        cr_assert_eq(octets_for(&settings, "a.example"), 0);
        settings_rig_free(&settings);
    }
}

Test(settings, timeout)
{
    struct shim_settings settings = PARSE(0, "ECHSHIM_TIMEOUT_MS", "60000");
    cr_assert_eq(settings.timeout_ms, 60000);
    settings_rig_free(&settings);
    static const char *const bad[] = {"0", "60001", "1s", "-5", "+5", " 5", "0x10"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settings = PARSE(1, "ECHSHIM_TIMEOUT_MS", bad[i]);
        cr_assert_eq(settings.timeout_ms, 2000, "%s", bad[i]);
        settings_rig_free(&settings);
    }
}

Test(settings, log_and_report)
{
    struct shim_settings settings =
        PARSE(0, "ECHSHIM_LOG", "warn", "ECHSHIM_LOG_FILE", "/log", "ECHSHIM_REPORT", "fd:9");
    cr_assert_eq(settings.log_level, SHIM_LOG_WARN);
    cr_assert_str_eq(settings.log_file, "/log");
    cr_assert_null(settings.report);
    cr_assert_eq(settings.report_fd, 9);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_LOG", "off", "ECHSHIM_REPORT", "fd9");
    cr_assert_eq(settings.log_level, SHIM_LOG_OFF);
    cr_assert_str_eq(settings.report, "fd9");
    cr_assert_eq(settings.report_fd, -1);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_REPORT", "journald");
    cr_assert(settings.report_journal);
    cr_assert_null(settings.report);
    cr_assert_eq(settings.report_fd, -1);
    settings_rig_free(&settings);
    settings = PARSE(0, "ECHSHIM_REPORT", "./journald");
    cr_assert_not(settings.report_journal);
    cr_assert_str_eq(settings.report, "./journald");
    settings_rig_free(&settings);
    settings = PARSE(2, "ECHSHIM_LOG", "ALL", "ECHSHIM_REPORT", "fd:x");
    cr_assert_eq(settings.log_level, SHIM_LOG_OFF);
    cr_assert_null(settings.report);
    cr_assert_eq(settings.report_fd, -1);
    settings_rig_free(&settings);
}

/* One message for each setting, with its name and the readable part of the value. */
Test(settings, messages)
{
    char many[400];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    struct settings_rig environment = {.items = {"ECHSHIM_MODE", many}};
    struct shim_settings settings = settings_rig_parse(&environment, 1);
    cr_assert_eq(settings.mode, SHIM_MODE_STRICT);
    cr_assert_eq(strncmp(environment.said, "ECHSHIM_MODE: cannot use \"xxx", 29), 0);
    cr_assert_lt(strlen(environment.said), 200);
    cr_assert_eq(strchr(environment.said, '\n'), environment.said + strlen(environment.said) - 1);
    settings_rig_free(&settings);
}
