/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares names without libc's functions. A hook may run while another preload that replaces
 * strcmp and its kin (a sanitizer) is still starting.
 */
#ifndef SHIM_STUB_TEXT_H
#define SHIM_STUB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

static inline bool stub_text_begins(const char *text, const char *start)
{
    while (*start != '\0' && *text == *start) {
        text++;
        start++;
    }
    return *start == '\0';
}

static inline bool stub_text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* The same, but reads at most `size` octets of the first name. */
static inline bool stub_text_equal_within(const char *a, size_t size, const char *b)
{
    size_t at = 0;
    while (at < size && a[at] != '\0' && a[at] == b[at]) {
        at++;
    }
    return at < size && a[at] == b[at];
}

/* The part after the last slash. */
static inline const char *stub_base_name(const char *path)
{
    const char *name = path;
    for (; *path != '\0'; path++) {
        name = *path == '/' ? path + 1 : name;
    }
    return name;
}

#endif
