/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random octets of GnuTLS, which makes them from a state of its own. GnuTLS renews it in the child
 * of a fork if its handler of pthread_atfork runs. In a child of which no handler learns (_Fork,
 * clone, the system call) parent and child would get the same octets, and so the same keys: there
 * they come from the kernel.
 */
#ifndef SHIM_ENGINE_BASE_RANDOM_H
#define SHIM_ENGINE_BASE_RANDOM_H

#include "ech/crypto.h"

/* Called once, at the start; and in the child of a fork, by the handler of pthread_atfork. */
void shim_random_start(void);
void shim_random_child(void);

/* Random octets for keys, and the fastest X25519 at hand. Each call counts as one handshake
 * (x25519.h). */
struct ech_random shim_random(void);
/* The same for a key that is made before its handshake: it does not count, and loads nothing. */
struct ech_random shim_random_in_advance(void);
/* The same octets for what is no key pair; it does not count. */
struct ech_random shim_random_octets(void);
/* A number that no secret depends on; without a system call. */
uint32_t shim_random_number(void);

#endif
