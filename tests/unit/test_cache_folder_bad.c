/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folders and files that are not as we make them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/cache.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/folder_rig.h"
#include "tests/unit/stored_answers.h"

TestSuite(cache_folder_bad, .init = rig_setup, .fini = rig_teardown);

/* ---- folders that must not be used ---- */

static void check_unusable(const char *why)
{
    errno = 4711;
    const char *problem = dns_cache_folder_problem(&rig_folder);
    cr_assert_eq(errno, 4711);
    cr_assert_not_null(problem);
    cr_assert_not_null(strstr(problem, why), "%s", problem);
    rig_put(answer_with_endpoints());
    cr_assert_not(rig_has());
}

Test(cache_folder_bad, is_made_where_its_parent_is)
{
    struct stat status;
    cr_assert_null(dns_cache_folder_problem(&rig_folder));
    cr_assert_eq(stat(rig_path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    cr_assert_null(dns_cache_folder_problem(&rig_folder), "and again");
    (void)snprintf(rig_path, sizeof rig_path, "%s/no/cache", rig_parent);
    check_unusable("cannot be made");
}

Test(cache_folder_bad, getting_makes_nothing)
{
    cr_assert_not(rig_has());
    cr_assert_eq(access(rig_path, F_OK), -1);
}

Test(cache_folder_bad, open_to_others)
{
    rig_put(answer_with_endpoints());
    for (mode_t mode = 01; mode <= 040; mode *= 2) {
        cr_assert_eq(chmod(rig_path, 0700 | mode), 0);
        check_unusable("0700");
    }
    cr_assert_eq(chmod(rig_path, 0700), 0);
    cr_assert(rig_has());
}

Test(cache_folder_bad, a_symbolic_link)
{
    char other[80];
    (void)snprintf(other, sizeof other, "%s/other", rig_parent);
    cr_assert_eq(mkdir(other, 0700), 0);
    cr_assert_eq(symlink(other, rig_path), 0);
    check_unusable("symbolic link");
}

Test(cache_folder_bad, a_file)
{
    int fd = open(rig_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    check_unusable("no folder");
}

/* Only root can, and only where there are other users: most user namespaces have none. */
static void give_away(const char *name)
{
    if (chown(name, RIG_SOMEBODY, RIG_SOMEBODY) != 0) {
        cr_skip_test("nothing can be given away here");
    }
}

Test(cache_folder_bad, of_another_user)
{
    rig_put(answer_with_endpoints());
    give_away(rig_path);
    check_unusable("another user");
    cr_assert_eq(chown(rig_path, 0, 0), 0);
    cr_assert(rig_has(), "nothing in it was touched");
}

/* Become a user without root's rights. */
static uid_t as_somebody(void)
{
    uid_t user = geteuid();
    if (user != 0) {
        return user;
    }
    give_away(rig_parent);
    cr_assert_eq(chmod(rig_parent, 0700), 0);
    cr_assert_eq(seteuid(RIG_SOMEBODY), 0);
    return user;
}

/* Return to our user: the leak sanitizer needs it. */
static void as_ourselves(uid_t user)
{
    cr_assert_eq(seteuid(user), 0);
}

Test(cache_folder_bad, read_only)
{
    uid_t user = as_somebody();
    rig_put(answer_with_endpoints());
    cr_assert_eq(chmod(rig_path, 0500), 0);
    cr_assert(rig_has(), "what is there is good");
    rig_put_named("other.example", 60);
    cr_assert_not(rig_has_named("other.example"));
    rig_time += 60;
    cr_assert_not(rig_has());
    cr_assert_eq(chmod(rig_path, 0), 0);
    check_unusable("cannot be opened");
    cr_assert_eq(chmod(rig_path, 0700), 0);
    as_ourselves(user);
}

/* ---- files that must not be used ---- */

static void overwrite(const char *text, size_t len)
{
    int fd = open(rig_entry(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, len), (ssize_t)len);
    (void)close(fd);
}

static void check_removed(void)
{
    cr_assert_not(rig_has());
    cr_assert_str_eq(rig_entry(), "");
    rig_put(answer_with_endpoints());
    cr_assert(rig_has(), "a good one takes its place");
}

Test(cache_folder_bad, corrupt_files_are_removed)
{
    static char large[DNS_STORED_MAX + 1];
    rig_put(answer_with_endpoints());
    overwrite("", 0);
    check_removed();
    overwrite("hello", 5);
    check_removed();
    overwrite(large, sizeof large);
    check_removed();
    overwrite(large, 200);
    check_removed();
    cr_assert_eq(truncate(rig_entry(), 100), 0);
    check_removed();
}

/* The file is still ours, so a put replaces it without a get before. */
Test(cache_folder_bad, corrupt_files_are_replaced)
{
    rig_put(answer_with_endpoints());
    overwrite("hello", 5);
    rig_put(answer_with_endpoints());
    cr_assert(rig_has());
    cr_assert_eq(rig_count(""), 2);
}

Test(cache_folder_bad, a_file_open_to_others)
{
    rig_put(answer_with_endpoints());
    cr_assert_eq(chmod(rig_entry(), 0660), 0);
    check_removed();
}

Test(cache_folder_bad, a_file_with_two_names)
{
    char other[80];
    rig_put(answer_with_endpoints());
    (void)snprintf(other, sizeof other, "%s/other", rig_parent);
    cr_assert_eq(link(rig_entry(), other), 0);
    check_removed();
    cr_assert_eq(access(other, F_OK), 0);
}

Test(cache_folder_bad, a_link_in_the_place_of_a_file)
{
    char other[80];
    char name[400];
    rig_put(answer_with_endpoints());
    (void)snprintf(name, sizeof name, "%s", rig_entry());
    (void)snprintf(other, sizeof other, "%s/other", rig_parent);
    cr_assert_eq(rename(name, other), 0);
    cr_assert_eq(symlink(other, name), 0);
    check_removed();
    cr_assert_eq(access(other, F_OK), 0);
}

Test(cache_folder_bad, what_is_no_file_is_left_alone, .timeout = 20)
{
    char name[400];
    rig_put(answer_with_endpoints());
    (void)snprintf(name, sizeof name, "%s", rig_entry());
    cr_assert_eq(unlink(name), 0);
    cr_assert_eq(mkdir(name, 0700), 0);
    cr_assert_not(rig_has());
    rig_put(answer_with_endpoints());
    cr_assert(rig_has(), "there are other places");
    cr_assert_eq(rmdir(name), 0);
    cr_assert_eq(mkfifo(name, 0600), 0);
    cr_assert(rig_has(), "and nobody waits for a writer");
}

Test(cache_folder_bad, a_file_of_another_user)
{
    rig_put(answer_with_endpoints());
    give_away(rig_entry());
    cr_assert_not(rig_has());
    cr_assert_neq(rig_entry()[0], '\0', "it is not removed");
    rig_put(answer_with_endpoints());
    cr_assert(rig_has());
    cr_assert_eq(rig_count(""), 3, "nor replaced");
}
