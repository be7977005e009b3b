/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_WORLD_PLACE_H
#define TESTS_PRELOAD_WORLD_PLACE_H

/* Where a world is: in its own namespaces, or on this machine's loopback. */

#include "world.h"

/* Enters new namespaces, which have nothing but a loopback. Gives NULL, or the reason (an errno in
 * words) why that is not possible; then the process is where it was. */
const char *place_enter(void);

/* Mounts the world's own /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf, and what
 * ECHSHIM_TEST_CHROOT asks for. Call it after place_enter, when the world's folder exists. */
void place_furnish(struct world *world);

/* Keeps the files of the world's folder in memory: many small ones cost less there. They stay on
 * disk where that is not possible. A folder that is in memory stays as it is, for peers that run in
 * another root (tools/scripts/throwaway.sh) must see it. Call it after place_enter. */
void place_in_memory(const char *folder);

/* Unmounts what was mounted from the world's folder, and the folder itself: a mounted file cannot
 * be removed. */
void place_leave(const char *folder);

/* The same on this machine's loopback: writes what a program reads instead of /etc/hosts
 * (nss_wrapper). */
void place_furnish_shared(struct world *world);

/* 443 if it can be listened on, else 0. */
unsigned place_usual_port(void);

/* A free TCP port of 127.0.0.1. */
unsigned place_free_port(void);

void place_write(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
