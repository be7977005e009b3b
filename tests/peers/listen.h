/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PEERS_LISTEN_H
#define TESTS_PEERS_LISTEN_H

/* What the peers share: addresses as ADDRESS:PORT (IPv6 in brackets), listening, connecting. Every
 * function ends the process with a message when it fails at start-up. */

#include <stddef.h>

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Listens on `where`, which may be the path of a UNIX socket; port 0 takes a free one. Prints
 * "listening ADDRESS:PORT" on standard output: the starter waits for this signal only. */
int listen_on(const char *where);

/* A connected socket, or -1. */
int connect_to(const char *where);

/* Serves every connection of `listener` by `serve(fd, argument, number)` in its own thread; numbers
 * count from 1. `serve` closes the fd. Never returns. */
void serve_forever(int listener, void (*serve)(int fd, void *argument, unsigned number),
                   void *argument) __attribute__((noreturn));

#endif
