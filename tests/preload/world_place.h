/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_WORLD_PLACE_H
#define TESTS_PRELOAD_WORLD_PLACE_H

/* Where a world is: in namespaces of its own, or on this machine's loopback. */

#include "world.h"

/* Enters namespaces of its own, with nothing in them but a loopback. NULL, or the reason (an errno
 * in words) why they cannot be had; then the process is where it was. */
const char *place_enter(void);

/* The world's own /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf, and what
 * ECHSHIM_TEST_CHROOT asks for. After place_enter and with the world's folder. */
void place_furnish(struct world *world);

/* Takes away what is mounted out of the world's folder: what is mounted cannot be removed. */
void place_leave(void);

/* The same on this machine's loopback: what a program reads instead of /etc/hosts (nss_wrapper). */
void place_furnish_shared(struct world *world);

/* 443 where it can be listened on, else 0. */
unsigned place_usual_port(void);

/* A TCP port of 127.0.0.1 at which nobody listens. */
unsigned place_free_port(void);

void place_write(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
