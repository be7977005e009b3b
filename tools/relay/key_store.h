/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A key store of Java's own format (JKS) that holds trust anchors. Pure. */
#ifndef TOOLS_RELAY_KEY_STORE_H
#define TOOLS_RELAY_KEY_STORE_H

#include <stdbool.h>

#include "ech/wire.h"

/*
 * Writes the store of these certificates (DER). No password protects it: Java asks for none to read
 * anchors. The format is that of sun.security.provider.JavaKeyStore, version 2.
 */
void relay_key_store_write(struct writer *out, const struct bytes *certificates, size_t count);

/* Whether these octets begin as such a store. */
bool relay_key_store_is(struct bytes octets);
/* Gives each trusted certificate (DER) of a store to `take`. Keys are passed over, and the digest
 * is not checked. False: it is no such store, or `take` gave false. */
bool relay_key_store_read(struct bytes octets, bool (*take)(void *context, struct bytes der),
                          void *context);

#endif
