/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CURSOR_H
#define TESTS_PRELOAD_CURSOR_H

/* Reads TLS structures; the test fails where octets run out. Uses none of the code under test. */

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at;
    size_t left;
};

static inline const uint8_t *take(struct cursor *c, size_t count)
{
    cr_assert_leq(count, c->left, "the recorded octets end early");
    const uint8_t *at = c->at;
    c->at += count;
    c->left -= count;
    return at;
}

static inline size_t take_number(struct cursor *c, size_t octets)
{
    size_t number = 0;
    for (const uint8_t *at = take(c, octets); octets > 0; octets--) {
        number = number << 8 | *at++;
    }
    return number;
}

static inline struct cursor take_vector(struct cursor *c, size_t prefix)
{
    size_t length = take_number(c, prefix);
    return (struct cursor){take(c, length), length};
}

#endif
