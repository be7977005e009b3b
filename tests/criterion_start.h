/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Criterion starts libgit2, to show differences, in each test's process. libgit2 then reads all
 * certificates of the system: a quarter of what a test without work of its own costs. No test uses
 * what needs it (criterion/new/), so these do nothing in its place. For one file of a test program.
 */
#ifndef TESTS_CRITERION_START_H
#define TESTS_CRITERION_START_H

int git_libgit2_init(void);
int git_libgit2_shutdown(void);

int git_libgit2_init(void)
{
    return 1;
}

int git_libgit2_shutdown(void)
{
    return 0;
}

#endif
