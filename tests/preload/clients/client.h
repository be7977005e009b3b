/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_CLIENT_H
#define TESTS_PRELOAD_CLIENTS_CLIENT_H

/* What our small clients share. Each is called as PROGRAM HOST PORT CAFILE MODE [PKI-FOLDER]. It
 * fetches https://HOST:PORT/ in the way that MODE names, and ends with 0 and one line when the
 * answer is right. The clients do not know ECH: they are programs that the shim must not disturb.
 */

#include <stdbool.h>
#include <stddef.h>

struct target {
    const char *host;
    const char *port;
    const char *ca;
    const char *pki;
};

struct mode {
    const char *name;
    void (*run)(const struct target *target);
};

enum { THREADS = 8, HANDSHAKES_PER_THREAD = 50, RESPONSE_MAX = 4096 };

/* Prints and ends the process with 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A connected TCP socket. */
int dial(const struct target *target);

/* A socket on which connect() has started and may not be finished. */
int dial_nonblocking(const struct target *target);

/* Waits until the socket is ready for `events`, however often the wait is interrupted; false after
 * 20 s. */
bool await(int fd, short events);

/* Writes the request, the same for all clients, and returns its length. Fails when it does not fit.
 */
size_t make_request(const struct target *target, char *out, size_t size);

/* Collects the response, which is checked at the end. */
struct response {
    char text[RESPONSE_MAX];
    size_t len;
};

void response_add(struct response *response, const void *data, size_t len);
void response_check(struct response *response, const struct target *target);

/* Runs `once` as often as THREADS and HANDSHAKES_PER_THREAD say. */
void in_threads(const struct target *target, void (*once)(const struct target *target));

/* Runs `once` here, then in a child and here again. */
void across_fork(const struct target *target, void (*once)(const struct target *target));

/* The resources that the process holds. */
struct footprint {
    unsigned descriptors;
    unsigned threads;
    long resident_kib;
    long heap_kib; /* in use, of malloc's memory */
};
void footprint_take(struct footprint *footprint);
/* Prints what was added since `before`. Fails on more than growth_kib of memory, and on any added
 * descriptor or thread. */
void footprint_check(const struct footprint *before, long growth_kib);

/* Runs `once` 2,000 times. Fails when descriptors or threads are left, or memory has grown. */
void endure(const struct target *target, void (*once)(const struct target *target));

/* Runs the current mode again. steps.c calls it, by name, in the child of its fork. */
void run_again(void);

int run_mode_of(int argc, char **argv, const struct mode *modes);

#endif
