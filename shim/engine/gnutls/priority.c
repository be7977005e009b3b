/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Priorities. ClientHelloInner offers only TLS 1.3 (RFC 9849, 6.1), but GnuTLS does not tell the
 * priorities of a session. So we note the strings when they are set, and for the handshake set them
 * again with TLS 1.3 alone (lists.c).
 */
#include <stdlib.h>
#include <string.h>

#include "shim/engine/base/object_table.h"
#include "shim/engine/gnutls/gnutls.h"

struct noted_cache {
    char *priorities; /* NULL: the default */
    unsigned flags;
};

/* Values: the strings that the caches were made of. */
static struct shim_object_table caches;

static void noted_free(struct noted_cache *noted)
{
    if (noted != NULL) {
        free(noted->priorities);
        free(noted);
    }
}

void gnutls_note_cache(gnutls_priority_t cache, const char *priorities, unsigned flags)
{
    struct noted_cache *noted = calloc(1, sizeof *noted);
    const struct shim_object_entry entry = {.value = noted};
    gnutls_forget_cache(cache);
    if (noted != NULL) {
        noted->flags = flags;
        noted->priorities = priorities != NULL ? strdup(priorities) : NULL;
    }
    if (noted == NULL || (priorities != NULL && noted->priorities == NULL) ||
        !shim_object_put(&caches, cache, &entry)) {
        /* It could not be noted, so its sessions have unknown priorities: no ECH and, in strict
         * mode, no TLS. */
        noted_free(noted);
    }
}

void gnutls_forget_cache(gnutls_priority_t cache)
{
    struct shim_object_entry entry;
    if (shim_object_remove(&caches, cache, &entry)) {
        noted_free(entry.value);
    }
}

bool gnutls_use_priorities(struct gnutls_connection *connection, const char *priorities,
                           unsigned flags)
{
    char *copy = priorities != NULL ? strdup(priorities) : NULL;
    char *former = connection->priorities;
    connection->priorities_set = true;
    connection->priorities = copy;
    free(former); /* freed only now, when a handler's jump can no longer leave a pointer to it */
    connection->priorities_flags = flags;
    connection->compatible = false; /* as GnuTLS itself does */
    connection->priorities_unknown = priorities != NULL && copy == NULL;
    return !connection->priorities_unknown;
}

void gnutls_use_cache(struct gnutls_connection *connection, gnutls_priority_t cache)
{
    struct shim_object_entry entry;
    if (shim_object_get(&caches, cache, &entry)) {
        const struct noted_cache *noted = entry.value;
        (void)gnutls_use_priorities(connection, noted->priorities, noted->flags);
    } else {
        connection->priorities_set = true;
        connection->priorities_unknown = true;
        connection->compatible = false;
    }
}
