/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_INTEROP_INTEROP_H
#define TESTS_INTEROP_INTEROP_H

/* A program under the shim against a real server: one test, and one row of docs/interop.md. */

#include "tests/preload/world.h"

#define URL "https://" INNER_NAME "/"

struct program {
    const char *name;
    const char *library;
    const char *command;
    /* Two handshakes, of which the second resumes; NULL: it never does. */
    const char *resuming;
    /* Two attempts in one process, of which the first may fail; NULL: it makes one only. */
    const char *insisting;
};
extern const struct program curl, s_client, urllib, wget, gnutls_cli;

/* DISABLED_REFUSED: the server sends no retry_configs, but takes no ClientHelloInner in clear
 * either (RFC 9849, 7: illegal_parameter): the program has an error, and its next attempt a plain
 * hello. */
enum expected { ACCEPTED, RESUMED, RETRIED, DISABLED, DISABLED_REFUSED, GREASED };

struct interop_case {
    const char *text;
    struct world_options options;
    enum expected expected;
};

/* A kind of server, and how it tells what it did. `out` is what the program printed. */
struct interop_server {
    /* Of the table, as a file name. */
    const char *name;
    /* The program prints this when it has been served. */
    const char *says;
    /* `count` handshakes accepted for the inner name, reported and hidden. */
    void (*expect_accepted)(struct world *world, unsigned count, const char *out);
    /* One handshake resumed another. */
    void (*expect_resumed)(struct world *world, const char *out);
    /* One handshake for the inner name without ECH. */
    void (*expect_plain)(struct world *world, const char *out);
};

/* `row` orders the rows of the server's table. */
void interop_check(const struct interop_server *server, const char *row,
                   const struct program *program, const struct interop_case *tried);

/* Adds a row, or puts another in the place of the one of the same name. */
void interop_write_row(const struct interop_server *server, const char *row, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

#endif
