/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which libgnutls is this, and which client sessions does it have.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine.h"
#include "shim/gnutls.h"

enum { BUCKETS = 256 };

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;
static struct gnutls_connection *connections[BUCKETS];

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
    return true;
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
    return &connections[((uintptr_t)session >> 5) % BUCKETS];
}

struct gnutls_connection *gnutls_connection_find(gnutls_session_t session)
{
    pthread_mutex_lock(&connections_lock);
    struct gnutls_connection *connection = *bucket_of(session);
    while (connection != NULL && connection->session != session) {
        connection = connection->next;
    }
    pthread_mutex_unlock(&connections_lock);
    return connection;
}

void gnutls_connection_add(struct gnutls_connection *connection)
{
    pthread_mutex_lock(&connections_lock);
    struct gnutls_connection **bucket = bucket_of(connection->session);
    connection->next = *bucket;
    *bucket = connection;
    pthread_mutex_unlock(&connections_lock);
}

struct gnutls_connection *gnutls_connection_take(gnutls_session_t session)
{
    struct gnutls_connection *taken = NULL;
    pthread_mutex_lock(&connections_lock);
    for (struct gnutls_connection **at = bucket_of(session); *at != NULL; at = &(*at)->next) {
        if ((*at)->session == session) {
            taken = *at;
            *at = taken->next;
            break;
        }
    }
    pthread_mutex_unlock(&connections_lock);
    return taken;
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

struct gnutls_connection *gnutls_connection_of_transport(gnutls_transport_ptr_t pointer,
                                                         bool sending)
{
    struct gnutls_connection *found = NULL;
    size_t count = 0;
    pthread_mutex_lock(&connections_lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct gnutls_connection *one = connections[i]; one != NULL; one = one->next) {
            if (one->phase == GNUTLS_STARTED) {
                gnutls_transport_ptr_t receive;
                gnutls_transport_ptr_t send;
                one->gnutls->gnutls_transport_get_ptr2(one->session, &receive, &send);
                if ((sending ? send : receive) == pointer) {
                    found = one;
                    count++;
                }
            }
        }
    }
    pthread_mutex_unlock(&connections_lock);
    return count == 1 ? found : NULL;
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
