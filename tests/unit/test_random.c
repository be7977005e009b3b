/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random octets of the engine, also in the child of a fork that no handler sees. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/engine/base/random.h"
#include "shim/engine/base/wiped_memory.h"

enum { OCTETS = 32 };

static void draw(uint8_t out[OCTETS])
{
    struct ech_random random = shim_random_octets();
    cr_assert_eq(ech_random_fill(&random, out, OCTETS), ECH_OK);
}

static pid_t bare_fork(void)
{
#ifdef SYS_fork
    return (pid_t)syscall(SYS_fork);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

/* What parent and child draw next. */
static void draw_across(pid_t (*make_child)(void), uint8_t parent[OCTETS], uint8_t child[OCTETS])
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = make_child();
    if (pid == 0) {
        uint8_t out[OCTETS];
        draw(out);
        _exit(write(ends[1], out, sizeof out) == OCTETS ? 0 : 1);
    }
    draw(parent);
    cr_assert_eq(read(ends[0], child, OCTETS), OCTETS);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void check(pid_t (*make_child)(void))
{
    uint8_t drawn[5][OCTETS];
    shim_random_start();
    draw(drawn[0]);
    draw_across(make_child, drawn[1], drawn[2]);
    draw_across(make_child, drawn[3], drawn[4]);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < i; j++) {
            cr_assert_neq(memcmp(drawn[i], drawn[j], OCTETS), 0, "%zu and %zu are equal", i, j);
        }
    }
}

Test(random, ech_22_differ_behind_a_fork)
{
    check(fork);
}

Test(random, ech_22_differ_behind_a_fork_that_no_handler_sees)
{
    check(bare_fork);
}

Test(random, memory_is_wiped_in_a_child)
{
    int status = -1;
    char *memory = shim_wiped_memory(100);
    cr_assert_not_null(memory);
    memory[99] = 1;
    pid_t pid = bare_fork();
    if (pid == 0) {
        _exit(memory[99]);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert_eq(memory[99], 1);
    shim_wiped_memory_free(memory, 100);
}
