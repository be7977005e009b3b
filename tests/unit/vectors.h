/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Test vectors: JSON files of tests/vectors and octets in hexadecimal. Any error here fails the
 * test, so callers need not check. Octets live in blocks of exactly their length, so that
 * sanitizers see a read past the end.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <jansson.h>

#include "ech/crypto.h"

/* Loads tests/vectors/NAME.json, seen from the current folder. Free with json_decref. */
json_t *vectors_load(const char *name);
/* The member `key` of an object; the test fails if it is absent or of another type. Borrowed. */
json_t *vectors_get(const json_t *object, const char *key);
const char *vectors_text(const json_t *object, const char *key);
size_t vectors_number(const json_t *object, const char *key);
/* The element of the array `list` whose "id" is `id`. Borrowed. */
json_t *vectors_find(const json_t *list, const char *id);

/* Owned octets; free with octets_free. */
struct octets {
    uint8_t *data;
    size_t len;
};

/* len octets of zeros in a block of exactly that size. */
struct octets octets_new(size_t len);
/* A copy in a block of exactly that size. */
struct octets octets_copy(struct bytes from);
/* Hexadecimal digits to octets. */
struct octets octets_of_hex(const char *hex);
/* The member `key`, in hexadecimal. */
struct octets octets_get(const json_t *object, const char *key);
void octets_free(struct octets *octets);

static inline struct bytes octets_view(const struct octets *octets)
{
    return bytes_of(octets->data, octets->len);
}

/* If the octets differ, fails the test, and prints both in hexadecimal, with `what`. */
void assert_octets(struct bytes actual, struct bytes expected, const char *what);
/* The same, with the expected octets in hexadecimal. */
void assert_hex(struct bytes actual, const char *expected_hex, const char *what);

/* A random source that returns fixed octets in order, and fails when they run out. */
struct fixed_random {
    struct bytes octets;
    size_t calls;
    struct ech_random random;
};
/* Connects `random` to the source, which must stay in place. */
void fixed_random_init(struct fixed_random *fixed, struct bytes octets);

#endif
