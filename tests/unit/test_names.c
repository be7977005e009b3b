/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/protected_names.h"
#include "shim/engine/names/nsswitch.h"
#include "shim/engine/names/search_list.h"

/* ---- the setting ---- */

Test(names, what_is_no_plain_resolver_is_meant_to_be_encrypted)
{
    static const char *const plain[] = {NULL,
                                        "",
                                        "system",
                                        "udp://192.0.2.1",
                                        "tcp://[::1]:53",
                                        "udp://nonsense",
                                        "system, udp://192.0.2.1"};
    static const char *const protected[] = {"tls://192.0.2.1",
                                            "https://dns.example/dns-query",
                                            "tsl://192.0.2.1",
                                            "dns.example",
                                            "System",
                                            "system,tls://192.0.2.1",
                                            "udp://192.0.2.1 dns.example",
                                            " "};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        cr_expect_not(shim_names_want_protection(plain[i]), "%s", plain[i]);
    }
    for (size_t i = 0; i < sizeof protected / sizeof *protected; i++) {
        cr_expect(shim_names_want_protection(protected[i]), "%s", protected[i]);
    }
}

/* ---- the search list, as in res_search ---- */

struct rules {
    const char *suffixes[7];
    unsigned ndots;
    bool no_search;
    bool no_default_suffix;
    bool no_bare;
};

static struct shim_names_rules rules_of(const struct rules *rules)
{
    struct shim_names_rules given = {
        .suffixes = rules->suffixes,
        .ndots = rules->ndots,
        .search = !rules->no_search,
        .default_suffix = !rules->no_default_suffix,
        .no_bare = rules->no_bare,
    };
    while (rules->suffixes[given.count] != NULL) {
        given.count++;
    }
    return given;
}

/* Fails each candidate with its outcome (the last one repeats). Writes the candidates as one
 * string, and returns the verdict. */
static enum shim_names_outcome walk(const struct rules *rules, const char *name,
                                    const enum shim_names_outcome *outcomes, size_t count,
                                    char *candidates)
{
    struct shim_names_rules given = rules_of(rules);
    struct shim_names_search search;
    char candidate[DNS_HOST_SIZE];
    size_t at = 0;
    candidates[0] = '\0';
    shim_names_search_start(&search, &given, name);
    while (shim_names_search_next(&search, candidate)) {
        cr_assert_lt(at, (size_t)20);
        if (at > 0) {
            strcat(candidates, " ");
        }
        strcat(candidates, candidate);
        shim_names_search_missed(&search, outcomes[at < count ? at : count - 1]);
        at++;
    }
    return shim_names_search_verdict(&search);
}

static void expect_candidates(const struct rules *rules, const char *name, const char *wanted)
{
    char candidates[4096];
    (void)walk(rules, name, (enum shim_names_outcome[]){SHIM_NAMES_NO_NAME}, 1, candidates);
    cr_expect_str_eq(candidates, wanted, "%s: %s", name, candidates);
}

Test(names, candidates_of_the_search_list)
{
    const struct rules usual = {{"a.example", "b.example."}, .ndots = 1};
    expect_candidates(&usual, "host", "host.a.example host.b.example host");
    expect_candidates(&usual, "www.example.org",
                      "www.example.org www.example.org.a.example www.example.org.b.example");
    expect_candidates(&usual, "www.example.org.", "www.example.org");
    expect_candidates(&usual, "host.", "host");
    expect_candidates(&usual, "", "");
    expect_candidates(&usual, ".", "");
}

Test(names, ndots)
{
    const struct rules two = {{"a.example"}, .ndots = 2};
    expect_candidates(&two, "www.org", "www.org.a.example www.org");
    expect_candidates(&two, "www.example.org", "www.example.org www.example.org.a.example");
    const struct rules none = {{"a.example"}, .ndots = 0};
    expect_candidates(&none, "host", "host host.a.example");
}

Test(names, options_that_forbid)
{
    const struct rules no_search = {{"a.example", "b.example"}, .ndots = 2, .no_search = true};
    expect_candidates(&no_search, "host", "host.a.example host");
    expect_candidates(&no_search, "www.org", "www.org");
    const struct rules no_default = {{"a.example"}, .ndots = 1, .no_default_suffix = true};
    expect_candidates(&no_default, "host", "host");
    const struct rules no_bare = {{"a.example"}, .ndots = 2, .no_bare = true};
    expect_candidates(&no_bare, "host", "host.a.example");
    expect_candidates(&no_bare, "www.org", "www.org.a.example www.org");
    const struct rules alone = {{NULL}, .ndots = 1, .no_bare = true};
    expect_candidates(&alone, "host", "host");
}

Test(names, the_root_in_the_search_list_is_the_name_itself_and_only_once)
{
    const struct rules root = {{"a.example", ".", "b.example"}, .ndots = 1};
    expect_candidates(&root, "host", "host.a.example host host.b.example");
    const struct rules dotted = {{".a.example", ""}, .ndots = 1};
    expect_candidates(&dotted, "host", "host.a.example host");
}

Test(names, a_candidate_that_is_too_long_is_passed_over)
{
    char name[DNS_HOST_SIZE + 2];
    const struct rules usual = {{"a.example"}, .ndots = 1};
    for (size_t length = 240; length < DNS_HOST_SIZE + 1; length++) {
        memset(name, 'a', length);
        for (size_t dot = 60; dot + 1 < length; dot += 60) {
            name[dot] = '.';
        }
        name[length] = '\0';
        struct shim_names_rules given = rules_of(&usual);
        struct shim_names_search search;
        char candidate[DNS_HOST_SIZE];
        size_t count = 0;
        shim_names_search_start(&search, &given, name);
        while (shim_names_search_next(&search, candidate)) {
            cr_assert_lt(strlen(candidate), (size_t)DNS_HOST_SIZE);
            cr_expect_eq(strncmp(candidate, name, length), 0);
            shim_names_search_missed(&search, SHIM_NAMES_NO_NAME);
            count++;
        }
        size_t fit = (length < DNS_HOST_SIZE ? 1 : 0) + (length + 10 < DNS_HOST_SIZE ? 1 : 0);
        cr_expect_eq(count, fit, "%zu: %zu", length, count);
    }
}

Test(names, a_trailing_dot_needs_no_room)
{
    char name[DNS_HOST_SIZE + 1];
    char candidates[4096];
    const struct rules usual = {{NULL}, .ndots = 1};
    memset(name, 'a', sizeof name);
    for (size_t dot = 60; dot < sizeof name; dot += 60) {
        name[dot] = '.';
    }
    name[DNS_HOST_SIZE - 1] = '.';
    name[DNS_HOST_SIZE] = '\0';
    (void)walk(&usual, name, (enum shim_names_outcome[]){SHIM_NAMES_NO_NAME}, 1, candidates);
    cr_expect_eq(strlen(candidates), (size_t)DNS_HOST_SIZE - 1);
}

static void expect_verdict(const struct rules *rules, const char *name,
                           const enum shim_names_outcome outcomes[4],
                           enum shim_names_outcome verdict, const char *asked)
{
    char candidates[4096];
    enum shim_names_outcome given = walk(rules, name, outcomes, 4, candidates);
    cr_expect_eq(given, verdict, "%s: %d", name, (int)given);
    cr_expect_str_eq(candidates, asked, "%s: %s", name, candidates);
}

Test(names, what_is_said_of_a_name_that_is_not_there)
{
    enum shim_names_outcome none = SHIM_NAMES_NO_NAME;
    enum shim_names_outcome empty = SHIM_NAMES_NO_DATA;
    enum shim_names_outcome fail = SHIM_NAMES_SERVFAIL;
    enum shim_names_outcome dead = SHIM_NAMES_TRY_AGAIN;
    const struct rules usual = {{"a.example", "b.example"}, .ndots = 1};
    const char *three = "host.a.example host.b.example host";
    expect_verdict(&usual, "host", (enum shim_names_outcome[4]){none, none, none}, none, three);
    expect_verdict(&usual, "host", (enum shim_names_outcome[4]){none, empty, none}, empty, three);
    expect_verdict(&usual, "host", (enum shim_names_outcome[4]){fail, none, none}, fail, three);
    expect_verdict(&usual, "host", (enum shim_names_outcome[4]){fail, empty, none}, empty, three);
    /* A server that does not answer is not asked for another suffix. */
    expect_verdict(&usual, "host", (enum shim_names_outcome[4]){dead, dead}, dead,
                   "host.a.example host");
    /* The query of the name as it is decides. */
    const char *full = "x.org x.org.a.example x.org.b.example";
    expect_verdict(&usual, "x.org", (enum shim_names_outcome[4]){none, empty, none}, none, full);
    expect_verdict(&usual, "x.org", (enum shim_names_outcome[4]){empty, none, none}, empty, full);
    expect_verdict(&usual, "x.org", (enum shim_names_outcome[4]){fail, none, none}, fail, full);
    expect_verdict(&usual, "x.org.", (enum shim_names_outcome[4]){dead}, dead, "x.org");
}

/* ---- nsswitch.conf ---- */

static void expect_services(const char *conf, const char *line, const char *local_only)
{
    char out[512];
    struct bytes text = bytes_of(conf, strlen(conf));
    cr_assert_eq(shim_names_services(text, false, out, sizeof out), ECH_OK);
    cr_expect_str_eq(out, line, "%s: %s", conf, out);
    cr_assert_eq(shim_names_services(text, true, out, sizeof out), ECH_OK);
    cr_expect_str_eq(out, local_only, "%s: %s", conf, out);
}

#define OURS "echshim [!UNAVAIL=return]"

Test(names, our_place_is_before_whoever_asks_the_network)
{
    expect_services("", "files " OURS " dns", "files");
    expect_services("hosts: files dns\n", "files " OURS " dns", "files");
    expect_services("passwd: files\nhosts:\tfiles mdns4_minimal [NOTFOUND=return] dns\n",
                    "files mdns4_minimal [NOTFOUND=return] " OURS " dns",
                    "files mdns4_minimal [NOTFOUND=return]");
    expect_services("hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns",
                    "mymachines files myhostname " OURS " resolve [!UNAVAIL=return] dns",
                    "mymachines files myhostname");
    expect_services("hosts: dns files # as we like it\n", "files " OURS " dns", "files");
    expect_services("hosts: mdns wins sss\n", OURS " mdns wins sss", "files");
    expect_services("  hosts : files\n", "files " OURS, "files");
    expect_services("#hosts: nothing\nhosts: dns\nhosts: files nis\n", "files " OURS " nis",
                    "files");
    expect_services("hostsfile: x\n", "files " OURS " dns", "files");
    /* Twice under the shim: one entry is enough. */
    expect_services("hosts: files " OURS " dns", "files " OURS " dns", "files");
}

Test(names, odd_lines_of_nsswitch_conf)
{
    expect_services("hosts: files[NOTFOUND=return]dns", "files[NOTFOUND=return] " OURS " dns",
                    "files[NOTFOUND=return]");
    expect_services("hosts: files [A=b] [C=d] dns", "files [A=b] [C=d] " OURS " dns",
                    "files [A=b] [C=d]");
    expect_services("hosts: files [NOTFOUND=ret", "files [NOTFOUND=ret " OURS,
                    "files [NOTFOUND=ret");
    expect_services("hosts:", OURS, "files");
    expect_services("hosts: [x] files", "files " OURS " [x]", "files");
}

Test(names, a_line_that_does_not_fit_is_none)
{
    char out[64];
    struct bytes text = bytes_of("hosts: files dns", 16);
    size_t whole = strlen("files " OURS " dns") + 1;
    for (size_t size = 0; size < sizeof out; size++) {
        enum ech_status status = shim_names_services(text, false, out, size);
        cr_expect_eq(status, size >= whole ? ECH_OK : ECH_ERR_SPACE, "%zu", size);
    }
}
