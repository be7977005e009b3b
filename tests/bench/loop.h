/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_BENCH_LOOP_H
#define TESTS_BENCH_LOOP_H

/* Shared by the two clients that make handshakes in a loop. Each is called as PROGRAM
 * SERVER-NAME ADDRESS PORT CAFILE COUNT. It prints two numbers for all handshakes but the first
 * WARM_UP: microseconds of CPU per handshake, and KiB by which the process grew. Like the other
 * test clients they know nothing of ECH. Only the client built with OWN_ECH for OpenSSL 4.0 does
 * ECH by itself. */

enum { WARM_UP = 20 };

/* The certificate's name; the requested server name may differ. */
#define CERTIFIED_NAME "secret.example.org"

struct loop_target {
    const char *server_name;
    const char *ca;
    /* One whole handshake over a connected socket, and nothing more. */
    void (*handshake)(const struct loop_target *target, int fd);
};

/* Prints the message and ends the process with 1. */
void loop_fail(const char *what) __attribute__((noreturn));

/* The arguments' server name and CA file go into `target`. */
void loop_open(struct loop_target *target, int argc, char **argv);
int loop_run(const struct loop_target *target, char **argv);

#endif
