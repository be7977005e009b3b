/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_REQUIRE_H
#define TESTS_PRELOAD_REQUIRE_H

/* What a world cannot do without. Tests and demonstration share the world; each defines its own
 * world_fail, which says what a failure means. */

void world_fail(const char *file, unsigned line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Leaves the test out if it does not hold for the library that it runs with (tests/facts.h). */
void world_check_library(void);

/* We cannot have our own network here: make check leaves the test out. */
void world_absent(const char *why) __attribute__((noreturn));

/* The programs here cannot do what the test wants. */
void world_cannot(const char *why) __attribute__((noreturn));

/* require(condition) or require(condition, "format", ...); the format is a literal. */
#define require(condition, ...)                                                                    \
    ((condition) ? (void)0                                                                         \
                 : world_fail(__FILE__, __LINE__, #condition " does not hold. " __VA_ARGS__))

#endif
