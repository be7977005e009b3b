/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard's report line. A write may come from a signal handler, where neither the engine can be
 * loaded nor memory be had, so the guard writes its own line, in the format of shim/report, by
 * functions that are async-signal-safe. Pure.
 */
#ifndef SHIM_GUARD_LINE_H
#define SHIM_GUARD_LINE_H

#include <stddef.h>
#include <stdint.h>

struct shim_guard_sight {
    uint64_t time_ms; /* since 1970, UTC */
    int pid;
    uint16_t port;
    const char *mode;    /* shim_mode_name */
    const char *outcome; /* refused or plain */
    const char *reason;
};

enum { SHIM_GUARD_HEAD = 96, SHIM_GUARD_TAIL = 512 };

/*
 * The line is head, program and tail. head and tail give how many octets they wrote; program writes
 * a JSON string with its NUL, or null for a path that is NULL or too long for `size` (at least 5).
 */
size_t shim_guard_line_head(char out[SHIM_GUARD_HEAD], const struct shim_guard_sight *sight);
void shim_guard_line_program(char *out, size_t size, const char *path);
size_t shim_guard_line_tail(char out[SHIM_GUARD_TAIL], const struct shim_guard_sight *sight);

/* Writes a number in decimal and gives the length; `out` has room for 20 digits. */
size_t shim_guard_decimal(char *out, uint64_t value);

#endif
