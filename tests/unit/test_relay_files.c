/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may remove the folder with the relay's files. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/echshim/supervisor/relay_folder.h"

static char folder[PATH_MAX];

static char *in_folder(const char *name)
{
    static char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/echshim-unit-relay-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

/* ---- who may remove it ---- */

Test(relay_files, the_noted_folder_is_removed)
{
    struct relay_folder noted;
    make_folder();
    put_file(in_folder("DENO_CERT.pem"), "x");
    cr_assert(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert_not(exists(folder));
    relay_folder_remove(&noted); /* again */
}

Test(relay_files, what_somebody_put_into_it_stays)
{
    struct relay_folder noted;
    make_folder();
    put_file(in_folder("mine"), "x");
    cr_assert(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert(exists(in_folder("mine")));
    unlink(in_folder("mine"));
    rmdir(folder);
}

/* Another folder that has its name by now, or a link to one, is not touched. */
Test(relay_files, another_folder_of_that_name_stays)
{
    struct relay_folder noted;
    char moved[PATH_MAX + 8];
    make_folder();
    snprintf(moved, sizeof moved, "%s.old", folder);
    cr_assert(relay_folder_note(&noted, folder));
    cr_assert_eq(rename(folder, moved), 0);
    cr_assert_eq(mkdir(folder, 0700), 0);
    put_file(in_folder("DENO_CERT.pem"), "x");
    relay_folder_remove(&noted);
    cr_assert(exists(in_folder("DENO_CERT.pem")));
    unlink(in_folder("DENO_CERT.pem"));
    rmdir(folder);
    cr_assert_eq(symlink(moved, folder), 0);
    relay_folder_remove(&noted);
    cr_assert(exists(moved));
    unlink(folder);
    rmdir(moved);
}

Test(relay_files, a_folder_that_others_enter_is_not_noted)
{
    struct relay_folder noted;
    make_folder();
    cr_assert_eq(chmod(folder, 0750), 0);
    cr_assert_not(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert(exists(folder));
    rmdir(folder);
    cr_assert_not(relay_folder_note(&noted, folder));
}
