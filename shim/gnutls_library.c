/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which libgnutls is this, and which client sessions does it have.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine.h"
#include "shim/gnutls.h"

enum { BUCKETS_FIRST = 256, ALIGNMENT_BITS = 5 };

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;
/* Grows, so that a look-up takes the same time however many handshakes are pending. */
static struct gnutls_connection *first_buckets[BUCKETS_FIRST];
static struct gnutls_connection **buckets = first_buckets;
static size_t bucket_count = BUCKETS_FIRST; /* a power of two */
static size_t connection_count;
static uint64_t last_serial;

static bool resolve(struct gnutls *gnutls)
{
    const struct shim_stub *stub = shim_engine_state()->stub;
    void *handle = gnutls->library->handle;
#define F(name)                                                                                    \
    gnutls->name = (__typeof__(&name))stub->dlsym(handle, #name);                                  \
    if (gnutls->name == NULL) {                                                                    \
        return false;                                                                              \
    }
    SHIM_GNUTLS_FUNCTIONS(F)
#undef F
    gnutls->free_function = stub->dlsym(handle, "gnutls_free");
    return gnutls->free_function != NULL;
}

const struct gnutls *gnutls_of(struct shim_library *library)
{
    pthread_mutex_lock(&tables_lock);
    struct gnutls *gnutls = library->engine_data;
    if (gnutls == NULL) {
        gnutls = calloc(1, sizeof *gnutls);
        if (gnutls != NULL) {
            gnutls->library = library;
            gnutls->supported = resolve(gnutls);
            library->engine_data = gnutls;
        }
    }
    pthread_mutex_unlock(&tables_lock);
    return gnutls;
}

static struct gnutls_connection **bucket_of(gnutls_session_t session)
{
    return &buckets[((uintptr_t)session >> ALIGNMENT_BITS) & (bucket_count - 1)];
}

static void link_in(struct gnutls_connection *connection)
{
    struct gnutls_connection **bucket = bucket_of(connection->session);
    connection->next = *bucket;
    *bucket = connection;
}

/* Without memory the chains only get longer. */
static void grow(void)
{
    struct gnutls_connection **old = buckets;
    size_t old_count = bucket_count;
    struct gnutls_connection **more = calloc(old_count * 2, sizeof(*more));
    if (more == NULL) {
        return;
    }
    buckets = more;
    bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct gnutls_connection *one = old[i], *next; one != NULL; one = next) {
            next = one->next;
            link_in(one);
        }
    }
    if (old != first_buckets) {
        free(old);
    }
}

static struct gnutls_connection *find(gnutls_session_t session)
{
    struct gnutls_connection *connection = *bucket_of(session);
    while (connection != NULL && connection->session != session) {
        connection = connection->next;
    }
    return connection;
}

static struct gnutls_connection *take(gnutls_session_t session)
{
    for (struct gnutls_connection **at = bucket_of(session); *at != NULL; at = &(*at)->next) {
        struct gnutls_connection *taken = *at;
        if (taken->session == session) {
            *at = taken->next;
            connection_count--;
            return taken;
        }
    }
    return NULL;
}

struct gnutls_connection *gnutls_connection_find(gnutls_session_t session)
{
    pthread_mutex_lock(&connections_lock);
    struct gnutls_connection *connection = find(session);
    pthread_mutex_unlock(&connections_lock);
    return connection;
}

void gnutls_connection_add(struct gnutls_connection *connection)
{
    pthread_mutex_lock(&connections_lock);
    /* One that was ended where we did not see it had this address before. */
    struct gnutls_connection *stale = take(connection->session);
    connection->serial = ++last_serial;
    if (++connection_count > bucket_count) {
        grow();
    }
    link_in(connection);
    pthread_mutex_unlock(&connections_lock);
    gnutls_connection_free(stale);
}

struct gnutls_connection *gnutls_connection_take(gnutls_session_t session)
{
    pthread_mutex_lock(&connections_lock);
    struct gnutls_connection *taken = take(session);
    pthread_mutex_unlock(&connections_lock);
    return taken;
}

bool gnutls_connection_stays(gnutls_session_t session, uint64_t serial)
{
    const struct gnutls_connection *connection = gnutls_connection_find(session);
    return connection != NULL && connection->serial == serial &&
           connection->phase == GNUTLS_STARTED;
}

void gnutls_connection_free(struct gnutls_connection *connection)
{
    if (connection != NULL) {
        shim_session_free(connection->shim);
        free(connection->priorities);
        if (connection->session_data.data != NULL) {
            ech_wipe(connection->session_data.data, connection->session_data.size);
            free(connection->session_data.data);
        }
        free(connection);
    }
}

/* Both locks, over a fork. */
static void locks(bool take)
{
    if (take) {
        pthread_mutex_lock(&tables_lock);
        pthread_mutex_lock(&connections_lock);
    } else {
        pthread_mutex_unlock(&connections_lock);
        pthread_mutex_unlock(&tables_lock);
    }
}

void shim_gnutls_before_fork(void)
{
    locks(true);
    gnutls_cache_lock(true);
}

void shim_gnutls_after_fork(void)
{
    gnutls_cache_lock(false);
    locks(false);
}
