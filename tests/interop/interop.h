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
    /* Two handshakes, the second of which resumes; NULL: the program never does. */
    const char *resuming;
    /* Two attempts in one process, the first of which may fail; NULL: the program makes only one.
     */
    const char *insisting;
};
extern const struct program curl, s_client, urllib, wget, gnutls_cli;

/* DISABLED_REFUSED: the server sends no retry_configs, but refuses a ClientHelloInner in the clear
 * (RFC 9849, 7: illegal_parameter). The program gets an error, and its next attempt sends a plain
 * hello. */
enum expected { ACCEPTED, RESUMED, RETRIED, DISABLED, DISABLED_REFUSED, GREASED };

struct interop_case {
    const char *text;
    struct world_options options;
    enum expected expected;
};

/* A kind of server, and how to read what it did. `out` is what the program printed. */
struct interop_server {
    /* In the table, and as a file name. */
    const char *name;
    /* The program prints this when it has been served. */
    const char *says;
    /* The server accepted `count` handshakes for the inner name, which was reported and hidden. */
    void (*expect_accepted)(struct world *world, unsigned count, const char *out);
    /* One handshake resumed another. */
    void (*expect_resumed)(struct world *world, const char *out);
    /* One handshake was for the inner name, without ECH. */
    void (*expect_plain)(struct world *world, const char *out);
};

/* `row` is the row's place in the server's table. */
void interop_check(const struct interop_server *server, const char *row,
                   const struct program *program, const struct interop_case *tried);

/* Adds a row, or replaces the row of the same name. */
void interop_write_row(const struct interop_server *server, const char *row, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

#endif
