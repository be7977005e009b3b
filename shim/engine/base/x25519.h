/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * X25519 by a library that is faster than nettle, where one is installed: lib25519, or libsodium.
 * It is loaded at run time, so nothing depends on it.
 */
#ifndef SHIM_ENGINE_BASE_X25519_H
#define SHIM_ENGINE_BASE_X25519_H

#include "ech/crypto.h"

/* Loading takes as long as the library saves in four handshakes. So it waits for the handshake of
 * this number: many programs make fewer. */
enum { SHIM_X25519_FROM = 4 };

/* How to load a library. Called once, at the start; without it nettle is used. */
void shim_x25519_start(void *(*open)(const char *file, int mode),
                       void *(*symbol)(void *handle, const char *name));
/*
 * The functions of the fastest library that is here, or NULL: nettle. Each call counts as one
 * handshake. The library is loaded once, and tried with fixed input; if one result is wrong, the
 * next one is tried. None is loaded once the program has locked itself in. Keeps errno. Any thread
 * may call this; none waits for another.
 */
const struct ech_x25519 *shim_x25519(void);
/* The one that is chosen by now. */
const struct ech_x25519 *shim_x25519_chosen(void);

#endif
