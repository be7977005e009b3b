/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * By what a TLS library is known: its name, where a program is linked to it or opens it, and octets
 * that it leaves in a program that has it inside.
 */
#ifndef TOOLS_COMMON_TLS_MARKS_H
#define TOOLS_COMMON_TLS_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_library {
    const char *start; /* of the file's name, as in DT_NEEDED */
    const char *name;
    bool hooked; /* by the shim */
};

/* By the name of a library's file, without its folder; false if that is none. Its strings have
 * static storage. */
bool tls_library_named(const char *file, struct tls_library *library);

/* For each TLS that the octets of an executable have inside, or open by name (dlopen: `file` is
 * what is opened, else NULL). */
typedef void tls_found(void *context, const char *name, const char *file, bool hooked);
void tls_marks_find(const uint8_t *octets, size_t length, tls_found *found, void *context);

/* What is known of a program by its file's name alone; NULL if nothing. Static storage. */
const char *tls_hint(const char *file);

#endif
