/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/folder_rig.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dns/io.h"
#include "dns/message.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/stored_answers.h"

char rig_parent[64];
char rig_path[80];
uint64_t rig_time;
struct dns_cache_folder rig_folder;
struct dns_question rig_question;
struct dns_cache_key rig_key;

static uint64_t now_s(void)
{
    return rig_time;
}

void rig_setup(void)
{
    (void)snprintf(rig_parent, sizeof rig_parent, "/tmp/echshim-folder.XXXXXX");
    cr_assert_not_null(mkdtemp(rig_parent));
    (void)snprintf(rig_path, sizeof rig_path, "%s/cache", rig_parent);
    rig_time = RIG_START_S;
    dns_cache_folder_init(&rig_folder, rig_path, dns_io_libc.random);
    rig_folder.now_s = now_s;
    rig_question = (struct dns_question){name_of("secret.example"), DNS_TYPE_HTTPS};
    rig_key = (struct dns_cache_key){
        .network = 1, .resolver_id = "udp://127.0.0.1:53", .question = &rig_question};
}

static int remove_one(const char *name, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(name);
}

void rig_teardown(void)
{
    (void)nftw(rig_parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- contents of the folder ---- */

/* The only entry, or the first one. "" if there is none. */
const char *rig_entry(void)
{
    static char found[400];
    DIR *names = opendir(rig_path);
    found[0] = '\0';
    for (struct dirent *entry = NULL; names != NULL && (entry = readdir(names)) != NULL;) {
        if (strlen(entry->d_name) == 5 && entry->d_name[3] == '.') {
            (void)snprintf(found, sizeof found, "%s/%s", rig_path, entry->d_name);
        }
    }
    if (names != NULL) {
        (void)closedir(names);
    }
    return found;
}

unsigned rig_count(const char *prefix)
{
    unsigned count = 0;
    DIR *names = opendir(rig_path);
    for (struct dirent *entry = NULL; names != NULL && (entry = readdir(names)) != NULL;) {
        count += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    if (names != NULL) {
        (void)closedir(names);
    }
    return count;
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *names = opendir("/proc/self/fd");
    while (readdir(names) != NULL) {
        count++;
    }
    (void)closedir(names);
    return count;
}

/* ---- put and get, with checks of errno and descriptors ---- */

void rig_put(struct dns_endpoints *answer)
{
    unsigned descriptors = count_descriptors();
    errno = 4711;
    dns_cache_folder_put(&rig_folder, &rig_key, answer);
    cr_assert_eq(errno, 4711);
    cr_assert_eq(count_descriptors(), descriptors);
    dns_endpoints_free(answer);
}

struct dns_endpoints *rig_get(void)
{
    unsigned descriptors = count_descriptors();
    errno = 4711;
    struct dns_endpoints *answer = dns_cache_folder_get(&rig_folder, &rig_key);
    cr_assert_eq(errno, 4711);
    cr_assert_eq(count_descriptors(), descriptors);
    return answer;
}

bool rig_has(void)
{
    struct dns_endpoints *answer = rig_get();
    bool found = answer != NULL;
    dns_endpoints_free(answer);
    return found;
}

void rig_put_named(const char *name, uint32_t ttl)
{
    struct dns_name kept = rig_question.qname;
    struct dns_endpoints *answer = answer_with_endpoints();
    rig_question.qname = name_of(name);
    answer->ttl = ttl;
    rig_put(answer);
    rig_question.qname = kept;
}

bool rig_has_named(const char *name)
{
    struct dns_name kept = rig_question.qname;
    rig_question.qname = name_of(name);
    bool found = rig_has();
    rig_question.qname = kept;
    return found;
}
