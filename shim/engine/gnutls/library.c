/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds out which libgnutls this is, and which client sessions it has.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine/base/lock.h"
#include "shim/engine/base/object_table.h"
#include "shim/engine/gnutls/keys.h"
#include "shim/engine/state/state.h"

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
/* Values: connections. */
static struct shim_object_table sessions;
static _Atomic uint64_t last_serial;

static bool resolve(struct gnutls *gnutls)
{
    const struct shim_stub *stub = shim_state()->stub;
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
    struct shim_hold hold;
    struct gnutls *gnutls = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    if (gnutls != NULL) {
        return gnutls;
    }
    shim_lock(&tables_lock, &hold);
    gnutls = library->engine_data;
    if (gnutls == NULL) {
        gnutls = calloc(1, sizeof *gnutls);
        if (gnutls != NULL) {
            gnutls->library = library;
            gnutls->supported = resolve(gnutls);
            gnutls_keys_init(gnutls);
            library->foreign = !gnutls->supported;
            __atomic_store_n(&library->engine_data, gnutls, __ATOMIC_RELEASE);
        }
    }
    shim_unlock(&tables_lock, &hold);
    return gnutls;
}

struct gnutls_connection *gnutls_connection_find(gnutls_session_t session)
{
    struct shim_object_entry entry;
    return shim_object_get(&sessions, session, &entry) ? entry.value : NULL;
}

struct shim_library *gnutls_library_of(gnutls_session_t session)
{
    struct shim_object_entry entry;
    return shim_object_get(&sessions, session, &entry) ? entry.owner : NULL;
}

bool gnutls_connection_add(struct gnutls_connection *connection)
{
    /* A session that ended unseen had this address before. */
    struct gnutls_connection *stale = gnutls_connection_take(connection->handle);
    const struct shim_object_entry entry = {.owner = connection->gnutls->library,
                                            .value = connection};
    gnutls_connection_free(stale);
    connection->serial = atomic_fetch_add(&last_serial, 1) + 1;
    return shim_object_put(&sessions, connection->handle, &entry);
}

struct gnutls_connection *gnutls_connection_take(gnutls_session_t session)
{
    struct shim_object_entry entry;
    return shim_object_remove(&sessions, session, &entry) ? entry.value : NULL;
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
        shim_session_free(connection->session);
        gnutls_lists_release(connection->lists);
        free(connection->priorities);
        if (connection->session_data.data != NULL) {
            ech_wipe(connection->session_data.data, connection->session_data.size);
            free(connection->session_data.data);
        }
        free(connection);
    }
}

void gnutls_before_fork(void)
{
    pthread_mutex_lock(&tables_lock);
    gnutls_lists_before_fork();
}

void gnutls_after_fork(void)
{
    gnutls_lists_after_fork();
    pthread_mutex_unlock(&tables_lock);
}

struct gnutls_connection *gnutls_ours(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls *gnutls = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    return gnutls != NULL && gnutls->supported ? gnutls_connection_find(session) : NULL;
}
