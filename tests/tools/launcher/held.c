/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/held.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/launcher/tool.h"

char *held_command(const char *name, const char *arguments)
{
    char *command;
    cr_assert_gt(asprintf(&command, "'%s' %s", tool_program(name), arguments), 0);
    return command;
}

void held_expect(const struct run_result *result, const char *ways, int number)
{
    char *all = strdup(ways);
    char *rest = all;
    char line[64];
    for (char *way = strsep(&rest, " "); way != NULL; way = strsep(&rest, " ")) {
        snprintf(line, sizeof line, "%s %d\n", way, number);
        const char *found = strstr(result->out, line);
        cr_assert(found != NULL && (found == result->out || found[-1] == '\n'),
                  "%s should give %d:\n%s%s", way, number, result->out, result->err);
    }
    free(all);
}

unsigned held_count(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

#if defined(__x86_64__)
/* By its own kind of system call, in a child: where there is none, that ends in a signal. */
bool held_machine_runs_32(void)
{
    enum { GETPID_OF_32 = 20 };
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        long result = GETPID_OF_32;
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        _exit(result == getpid() ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}
#else
bool held_machine_runs_32(void)
{
    return false;
}
#endif
