/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Octets of an old connection that still come when a new one has its place: the program had read
 * them into a buffer of its own, where we cannot drop them. They may end within a record. The first
 * record of the new connection is a ServerHello or an alert, which looks like nothing else in a
 * stream of encrypted records.
 */
#ifndef SHIM_ENGINE_SESSION_STALE_H
#define SHIM_ENGINE_SESSION_STALE_H

#include <stdbool.h>

#include "ech/wire.h"

enum { SHIM_STALE_HEAD = 6, SHIM_STALE_MAX = 1 << 18 };

struct shim_stale {
    bool skipping;
    size_t skipped;
    uint8_t head[SHIM_STALE_HEAD]; /* what may be the beginning of the new connection's octets */
    size_t length;
};

/* A new connection took the place of an old one. */
void shim_stale_begin(struct shim_stale *stale);
/*
 * Takes octets off the front of *in. False: they all are of the old connection, or it is not clear
 * yet. True: `head` has the first `length` octets of the new connection, and *in has those after
 * them; nothing is skipped any more.
 */
bool shim_stale_skip(struct shim_stale *stale, struct bytes *in);

#endif
