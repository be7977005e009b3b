/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_BENCH_LOOP_H
#define TESTS_BENCH_LOOP_H

/* What the two clients that make handshakes in a loop share. Each is called as
 * PROGRAM SERVER-NAME ADDRESS PORT CAFILE COUNT and prints two numbers for all handshakes but the
 * first WARM_UP: microseconds of CPU that each took, and KiB by which the process grew. Like the
 * other clients of the tests they know nothing of ECH, but for the one that is built with OWN_ECH
 * for OpenSSL 4.0, which does it by itself. */

enum { WARM_UP = 20 };

/* The certificate's name; what the server is asked for may be another one. */
#define CERTIFIED_NAME "secret.example.org"

struct loop_target {
    const char *server_name;
    const char *ca;
    /* One whole handshake over a connected socket, and nothing more. */
    void (*handshake)(const struct loop_target *target, int fd);
};

/* Prints and ends the process with 1. */
void loop_fail(const char *what) __attribute__((noreturn));

/* The arguments' server name and CA file go into `target`. */
void loop_open(struct loop_target *target, int argc, char **argv);
int loop_run(const struct loop_target *target, char **argv);

#endif
