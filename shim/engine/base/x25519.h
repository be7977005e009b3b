/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * X25519 by lib25519, where that library is installed: it is about three times as fast as nettle.
 * It is loaded at run time, so nothing depends on it.
 */
#ifndef SHIM_ENGINE_BASE_X25519_H
#define SHIM_ENGINE_BASE_X25519_H

#include "ech/crypto.h"

/* Loading takes as long as lib25519 saves in four handshakes. So it waits for the handshake of this
 * number: many programs make fewer. */
enum { SHIM_X25519_FROM = 4 };

/* How to load a library. Called once, at the start; without it nettle is used. */
void shim_x25519_start(void *(*open)(const char *file, int mode),
                       void *(*symbol)(void *handle, const char *name));
/*
 * lib25519's functions, or NULL: nettle. Each call counts as one handshake. The library is loaded
 * once, and tried with fixed input; if one result is wrong, it is not used. It is not loaded once
 * the program has locked itself in. Keeps errno. Any thread may call this; none waits for another.
 */
const struct ech_x25519 *shim_x25519(void);
/* The one that is chosen by now. */
const struct ech_x25519 *shim_x25519_chosen(void);

#endif
