/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs at a terminal of their own. */
#ifndef TESTS_TOOLS_LAUNCHER_TERMINAL_H
#define TESTS_TOOLS_LAUNCHER_TERMINAL_H

struct terminal {
    int master;
    int told; /* what the shell saw of its job; -1: the program is a shell itself */
};

/* Runs the job in the foreground of our own shell, which continues it once after a stop. */
struct terminal terminal_start(char *const argv[]);
/* Runs the program as the first of a terminal's session. */
struct terminal terminal_start_shell(char *const argv[]);

void terminal_press(const struct terminal *terminal, const char *keys);
/* A line with this text comes within 20 seconds. */
void terminal_expect(const struct terminal *terminal, const char *text);

/* One line of a descriptor, or "" if none comes. */
const char *terminal_line(int fd, int wait_ms);

#endif
