/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Priorities. ClientHelloInner offers only TLS 1.3 (RFC 9849, 6.1), but GnuTLS does not tell the
 * priorities of a session. So we note the strings when they are set, and for the handshake set them
 * again with TLS 1.3 alone.
 */
#include <stdio.h>
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
    }
}

/* The application's string with something appended. GnuTLS itself appends to its default. */
static gnutls_priority_t narrowed(const struct gnutls_connection *connection, const char *appended)
{
    const char *own = connection->priorities;
    unsigned flags = connection->priorities_flags;
    bool bare = own == NULL || *own == '\0';
    size_t size = (bare ? 0 : strlen(own)) + strlen(appended) + 2;
    char *text = malloc(size);
    gnutls_priority_t cache = NULL;
    if (text == NULL) {
        return NULL;
    }
    (void)snprintf(text, size, "%s%s%s", bare ? "" : own, bare || *appended == '\0' ? "" : ":",
                   appended);
    if (bare) {
        flags |= GNUTLS_PRIORITY_INIT_DEF_APPEND;
    }
    if (connection->gnutls->gnutls_priority_init2(&cache, text, NULL, flags) != GNUTLS_E_SUCCESS) {
        cache = NULL;
    }
    free(text);
    return cache;
}

/* Makes the session's own priorities again; NULL if there is no memory. */
static gnutls_priority_t own_priorities(const struct gnutls_connection *connection)
{
    gnutls_priority_t own = NULL;
    if (connection->priorities != NULL) {
        return narrowed(connection, "");
    }
    return connection->gnutls->gnutls_priority_init2(&own, NULL, NULL, 0) == GNUTLS_E_SUCCESS
               ? own
               : NULL;
}

static bool holds_tls13(const struct gnutls_connection *connection)
{
    const unsigned *versions;
    bool holds = false;
    if (connection->priorities != NULL &&
        strcasestr(connection->priorities, "%NO_EXTENSIONS") != NULL) {
        return false; /* it lists TLS 1.3, but a hello without extensions cannot offer it */
    }
    gnutls_priority_t own = own_priorities(connection);
    if (own == NULL) {
        return false;
    }
    int count = connection->gnutls->gnutls_priority_protocol_list(own, &versions);
    for (int i = 0; i < count; i++) {
        holds = holds || versions[i] == GNUTLS_TLS1_3;
    }
    connection->gnutls->gnutls_priority_deinit(own);
    return holds;
}

gnutls_priority_t gnutls_tls13_only(const struct gnutls_connection *connection)
{
    if (connection->priorities_unknown || !holds_tls13(connection)) {
        return NULL;
    }
    /*
     * Extensions in a fixed order leave more of them side by side, which can then be compressed.
     * Versions that shuffle know this word; older ones do neither.
     */
    gnutls_priority_t cache = narrowed(connection, "-VERS-ALL:+VERS-TLS1.3:%NO_SHUFFLE_EXTENSIONS");
    return cache != NULL ? cache : narrowed(connection, "-VERS-ALL:+VERS-TLS1.3");
}

gnutls_priority_t gnutls_own_in_order(const struct gnutls_connection *connection)
{
    if (connection->priorities_unknown) {
        return NULL;
    }
    gnutls_priority_t in_order = narrowed(connection, "%NO_SHUFFLE_EXTENSIONS");
    return in_order != NULL ? in_order : own_priorities(connection);
}
