/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_ENGINE_BASE_RANDOM_H
#define SHIM_ENGINE_BASE_RANDOM_H

#include "ech/crypto.h"

/* GnuTLS's random octets for keys, and the fastest X25519 at hand. Each call counts as one
 * handshake (x25519.h). */
struct ech_random shim_random(void);
/* The same octets for what is no key pair; it does not count. */
struct ech_random shim_random_octets(void);
/* A number that no secret depends on; without a system call. */
uint32_t shim_random_number(void);

#endif
