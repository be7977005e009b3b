/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How to recognise a TLS library: by its file's name, if a program is linked to it or opens it; by
 * octets, if it is linked statically into the program.
 */
#ifndef TOOLS_COMMON_TLS_MARKS_H
#define TOOLS_COMMON_TLS_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name of Go's own, as tls_marks_find gives it. */
#define TLS_OF_GO "Go's crypto/tls"
#define TLS_UNKNOWN "a TLS library that is not known, linked into it"

struct tls_library {
    const char *start; /* the start of the file's name, as in DT_NEEDED */
    const char *name;
    bool hooked; /* by the shim */
};

/* Recognises a TLS library by its file's name, without the folder; false if it is not one. The
 * strings have static storage. */
bool tls_library_named(const char *file, struct tls_library *library);

/* Calls back for each TLS library that the octets of an executable contain, or open by name
 * (dlopen: then `file` is that name, else NULL). */
typedef void tls_found(void *context, const char *name, const char *file, bool hooked);
void tls_marks_find(const uint8_t *octets, size_t length, tls_found *found, void *context);

/* What is known about a program by its file's name alone; NULL: nothing. Static storage. */
const char *tls_hint(const char *file);

#endif
