/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hosts of every kind. No host has the address 127.0.0.99: names under dead.test-zone.org give
 * SERVFAIL. */
#define ZONE                                                                                       \
    "  rrset-roundrobin: no\n"                                                                     \
    "  local-data: 'both.example.org. 60 IN A 127.0.0.8'\n"                                        \
    "  local-data: 'both.example.org. 60 IN A 127.0.0.9'\n"                                        \
    "  local-data: 'both.example.org. 60 IN AAAA ::1'\n"                                           \
    "  local-data: 'both.example.org. 60 IN AAAA 2001:db8::8'\n"                                   \
    "  local-data: 'four.example.org. 60 IN A 192.0.2.4'\n"                                        \
    "  local-data: 'six.example.org. 60 IN AAAA 2001:db8::6'\n"                                    \
    "  local-data: 'text.example.org. 60 IN TXT \"no address\"'\n"                                 \
    "  local-data: 'deep.sub.example.org. 60 IN A 192.0.2.7'\n"                                    \
    "  local-data: 'hosted.example.org. 60 IN A 192.0.2.8'\n"                                      \
    "  local-data: 'printer.lan. 60 IN A 192.0.2.9'\n"                                             \
    "  local-data: 'leak.example.org.lan. 60 IN A 192.0.2.66'\n"                                   \
    "  local-data: 'xn--bcher-kva.example.org. 60 IN A 192.0.2.10'\n"                              \
    "  local-zone: 'dead.example.net' transparent\n"                                               \
    "  stub-zone:\n    name: 'dead.example.net'\n    stub-addr: 127.0.0.99\n"

#define HOSTS                                                                                      \
    "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"                                           \
    "127.0.0.77 hosted.example.org hosted alias.example.org\n2001:db8::77 hosted.example.org\n"    \
    "192.0.2.1 one-label\n"

/* Writes into the file that is there: it stays the same file. */
static void write_hosts(const struct world *world, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s/hosts", world->folder);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out);
    fputs(text, out);
    cr_assert_eq(fclose(out), 0);
}

struct world *start_names(void)
{
    struct world *world = world_start(&(struct world_options){.dns_lines = ZONE, .direct = true});
    write_hosts(world, HOSTS);
    return world;
}

char *run_client(struct world *world, enum run_mode mode, const struct difference *given,
                 const char *arguments)
{
    char command[1024];
    char domain[256];
    char options[256];
    snprintf(command, sizeof command, "\"$CLIENTS/names_client\" %s", arguments);
    snprintf(domain, sizeof domain, "LOCALDOMAIN=%s", given->domain != NULL ? given->domain : "");
    snprintf(options, sizeof options, "RES_OPTIONS=%s",
             given->options != NULL ? given->options : "");
    char *extra[4] = {options};
    size_t count = 1;
    if (given->domain != NULL) {
        extra[count++] = domain;
    }
    if (mode == RUN_SHIM && given->setting != NULL) {
        extra[count++] = (char *)(size_t)given->setting;
    }
    extra[count] = NULL;
    struct run_result result = world_shell(world, mode, extra, command);
    expect_exit(&result, 0, NULL);
    free(result.err);
    return result.out;
}

/* The message shows the first line that differs. */
static void expect_same(const char *plain, const char *shim, const char *arguments)
{
    if (strcmp(plain, shim) == 0) {
        return;
    }
    size_t at = 0;
    size_t line = 0;
    for (; plain[at] != '\0' && plain[at] == shim[at]; at++) {
        line = plain[at] == '\n' ? at + 1 : line;
    }
    size_t from = line > 300 ? line - 300 : 0;
    cr_assert_fail("%s: without the shim:\n%.900s\nwith it:\n%.900s", arguments, plain + from,
                   shim + from);
}

void check_same(struct world *world, const struct difference *given, const char *arguments)
{
    char *plain = run_client(world, RUN_PLAIN, given, arguments);
    char *shim = run_client(world, RUN_SHIM, given, arguments);
    cr_assert_gt(strlen(plain), 20u);
    expect_same(plain, shim, arguments);
    free(plain);
    free(shim);
}

/* Names that need no search list. Both runs ask the C library what a SERVFAIL means. */
static const char *const usual[] = {
    "info both.example.org",
    "info four.example.org",
    "info six.example.org",
    "info text.example.org",
    "info nosuch.example.org",
    "info localhost ip6-localhost",
    "info hosted.example.org alias.example.org",
    "info 192.0.2.1 ::1 fe80::1%lo 0x7f.1",
    "info one-label nosuch",
    "info both.example.org. BOTH.Example.Org",
    "info 'not a name' a..b '' -x.example.org",
    "info b\xc3\xbc"
    "cher.example.org",
    "info printer.lan nosuch.lan",
    "host both.example.org four.example.org six.example.org text.example.org nosuch.example.org",
    "host localhost hosted.example.org hosted one-label 192.0.2.1 ::1 printer.lan nosuch.lan",
    "old both.example.org four.example.org six.example.org text.example.org nosuch.example.org",
    "old localhost hosted.example.org hosted one-label 192.0.2.1 printer.lan",
    "list both.example.org nosuch.example.org text.example.org localhost 192.0.2.1 printer.lan",
    "threads both.example.org nosuch.example.org localhost four.example.org",
    "fork both.example.org nosuch.example.org localhost four.example.org",
};

void check_usual(const char *setting)
{
    struct world *world = start_names();
    const struct difference given = {.setting = setting};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        check_same(world, &given, usual[i]);
    }
}

void check_search(const char *setting)
{
    struct world *world = start_names();
    static const struct difference rules[] = {
        {"example.org", NULL, NULL},
        {"nosuch.example.net sub.example.org example.org", NULL, NULL},
        {"example.org", "ndots:3", NULL},
        {"example.org", "ndots:0", NULL},
        {"sub.example.org .", "ndots:2", NULL},
        {"example.org", "no-tld-query", NULL},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct difference given = rules[i];
        given.setting = setting;
        check_same(world, &given, "host both deep deep.sub text nosuch both. both.example.org");
        check_same(world, &given, "info both deep.sub");
    }
}

/* The one of the C library: FACT_GLIBC_BEFORE_2_36. */
#define KNOWN_LEAK                                                                                 \
    "printf '{\\nAI_ALL\\nMemcheck:Leak\\nfun:calloc\\n"                                           \
    "fun:convert_hostent_to_gaih_addrtuple\\n}\\n' >known_leak; "

void check_names_by_valgrind(struct world *world, const char *setting, const char *arguments)
{
    char command[1024];
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    snprintf(command, sizeof command,
             "%svalgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
             "--errors-for-leak-kinds=definite %s\"$CLIENTS/names_client\" %s",
             FACT_GLIBC_BEFORE_2_36 ? KNOWN_LEAK : "",
             FACT_GLIBC_BEFORE_2_36 ? "--suppressions=known_leak " : "", arguments);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){(char *)(size_t)setting, NULL}, command);
    expect_exit(&result, 0, "flags");
}
