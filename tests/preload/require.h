/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_REQUIRE_H
#define TESTS_PRELOAD_REQUIRE_H

/* What a world cannot do without. The tests and the demonstration use the same world, and each says
 * in a world_fail of its own what a failure means. */

void world_fail(const char *file, unsigned line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* There is no network of its own to be had: make check leaves the test out. */
void world_absent(const char *why) __attribute__((noreturn));

/* require(condition) or require(condition, "format", ...); the format is a literal. */
#define require(condition, ...)                                                                    \
    ((condition) ? (void)0                                                                         \
                 : world_fail(__FILE__, __LINE__, #condition " does not hold. " __VA_ARGS__))

#endif
