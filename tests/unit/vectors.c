/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vectors.h"

#include "tests/criterion_start.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

json_t *vectors_load(const char *name)
{
    char path[256];
    int len = snprintf(path, sizeof path, "tests/vectors/%s.json", name);
    cr_assert(len > 0 && (size_t)len < sizeof path);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);
    cr_assert_not_null(root, "%s: %s (run from the top folder)", path, error.text);
    return root;
}

json_t *vectors_get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    cr_assert_not_null(value, "no member %s", key);
    return value;
}

const char *vectors_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(vectors_get(object, key));
    cr_assert_not_null(text, "%s is not a string", key);
    return text;
}

size_t vectors_number(const json_t *object, const char *key)
{
    const json_t *value = vectors_get(object, key);
    cr_assert(json_is_integer(value) && json_integer_value(value) >= 0, "%s is not a number", key);
    return (size_t)json_integer_value(value);
}

json_t *vectors_find(const json_t *list, const char *id)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(vectors_text(item, "id"), id) == 0) {
            return item;
        }
    }
    cr_assert_fail("no vector %s", id);
    return NULL;
}

/* ---- octets ---- */

struct octets octets_new(size_t len)
{
    /* An extra octet for length zero would hide a read past the end; malloc(0) returns a block of
     * no octets. */
    uint8_t *data = malloc(len);
    cr_assert(data != NULL || len == 0);
    if (len > 0) {
        memset(data, 0, len);
    }
    return (struct octets){.data = data, .len = len};
}

struct octets octets_copy(struct bytes from)
{
    struct octets copy = octets_new(from.len);
    if (from.len > 0) {
        memcpy(copy.data, from.data, from.len);
    }
    return copy;
}

static uint8_t digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint8_t)(digit - 'a' + 10);
    }
    cr_assert(digit >= 'A' && digit <= 'F', "not a hexadecimal digit: %c", digit);
    return (uint8_t)(digit - 'A' + 10);
}

struct octets octets_of_hex(const char *hex)
{
    size_t digits = strlen(hex);
    cr_assert(digits % 2 == 0, "odd number of digits");
    struct octets octets = octets_new(digits / 2);
    for (size_t i = 0; i < octets.len; i++) {
        octets.data[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
    }
    return octets;
}

struct octets octets_get(const json_t *object, const char *key)
{
    return octets_of_hex(vectors_text(object, key));
}

void octets_free(struct octets *octets)
{
    free(octets->data);
    *octets = (struct octets){.data = NULL};
}

/* ---- comparison ---- */

static void print_hex(const char *name, struct bytes octets)
{
    fprintf(stderr, "%s: ", name);
    for (size_t i = 0; i < octets.len; i++) {
        fprintf(stderr, "%02x", octets.data[i]);
    }
    fprintf(stderr, "\n");
}

void assert_octets(struct bytes actual, struct bytes expected, const char *what)
{
    if (!bytes_equal(actual, expected)) {
        print_hex("actual  ", actual);
        print_hex("expected", expected);
        cr_assert_fail("%s differs", what);
    }
}

void assert_hex(struct bytes actual, const char *expected_hex, const char *what)
{
    struct octets expected = octets_of_hex(expected_hex);
    assert_octets(actual, octets_view(&expected), what);
    octets_free(&expected);
}

/* ---- randomness ---- */

static enum ech_status fixed_fill(void *context, uint8_t *out, size_t len)
{
    struct fixed_random *fixed = context;
    struct reader r = rd_of(fixed->octets);
    fixed->calls++;
    if (!rd_copy(&r, out, len)) {
        return ECH_ERR_CRYPTO;
    }
    fixed->octets = rd_rest(&r);
    return ECH_OK;
}

void fixed_random_init(struct fixed_random *fixed, struct bytes octets)
{
    *fixed = (struct fixed_random){.octets = octets, .random = {fixed_fill, fixed}};
}
