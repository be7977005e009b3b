/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_BENCH_LOOP_H
#define TESTS_BENCH_LOOP_H

#include <stdbool.h>

/* Shared by the two clients that make handshakes in a loop. Each is called as PROGRAM
 * SERVER-NAME ADDRESS PORT CAFILE COUNT. It prints two numbers for all handshakes but the first
 * WARM_UP: microseconds of CPU per handshake, and KiB by which the process grew. Like the other
 * test clients they know nothing of ECH. Only the client built with OWN_ECH for OpenSSL 4.0 does
 * ECH by itself. */

enum { WARM_UP = 20 };

/*
 * With LOOP_FIRST_WRITE in the environment each handshake is one call on a non-blocking socket to a
 * peer that never answers, so it ends when the hello is written. Then four numbers come in place of
 * two: microseconds of CPU of that call, and of the connect() that returned while the connection
 * was being made, octets of heap that a pending handshake holds, and KiB.
 */

/*
 * LOOP_HANDLER in the environment: the program sets a handler for SIGALRM, which never comes, by
 * the function of this name; or by the system call itself: "kernel"; the same after WARM_UP:
 * "late". "fault": a handler for SIGSEGV alone.
 */

/* LOOP_THREADS in the environment: so many threads make COUNT handshakes each, at the same time. */

/* The certificate's name; the requested server name may differ. */
#define CERTIFIED_NAME "secret.example.org"

struct loop_target {
    const char *server_name;
    const char *ca;
    /* One whole handshake over a connected socket, and nothing more. */
    void (*handshake)(const struct loop_target *target, int fd);
};

/* The TLS object is about to be made; the first call of its handshake is about to begin, or has
 * just returned. They do nothing without LOOP_FIRST_WRITE. */
void loop_before_object(void);
void loop_before_first(void);
bool loop_after_first(void); /* true: the handshake ends here */

/* Prints the message and ends the process with 1. */
void loop_fail(const char *what) __attribute__((noreturn));

/* The arguments' server name and CA file go into `target`. */
void loop_open(struct loop_target *target, int argc, char **argv);
int loop_run(const struct loop_target *target, char **argv);

#endif
