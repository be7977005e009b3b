/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NSS adapter's entry points for the stub.
 */
#include "shim/engine/mozilla_nss/mozilla_nss.h"

#include <errno.h>

#include "shim/common/hold.h"
#include "shim/engine/tls_adapter.h"

typedef struct nspr_file *import_function(struct nspr_file *model, struct nspr_file *file);

/* The model's ECHConfigs become those of the socket, whoever set them. */
static void follow_model(struct nss_connection *connection, const struct nss_connection *model)
{
    if (model != NULL) {
        connection->own_ech = model->own_ech;
        connection->own_grease = model->own_grease;
        connection->local_config = model->local_config;
        connection->our_grease = model->our_grease;
    }
}

static struct nspr_file *import(struct shim_library *library, struct nspr_file *model,
                                struct nspr_file *file)
{
    import_function *real = (import_function *)library->fn[SHIM_HOOK_SSL_ImportFD];
    int saved = errno;
    struct nss *nss = nss_of(library);
    bool layered = nss != NULL && nss->layered && file != NULL;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    /* Without memory there is no layer, and the wire guard judges the hello. */
    struct nss_connection *connection = layered ? nss_layer_push(nss, file) : NULL;
    errno = saved;
    struct nspr_file *result = real(model, file);
    if (connection != NULL && result == NULL) {
        struct nss_error kept = nss_error_keep(nss);
        nss_layer_pop(nss, file);
        nss_error_restore(nss, kept);
    } else if (connection != NULL) {
        follow_model(connection, nss_connection_of(nss, model));
        connection->imported = true;
    }
    shim_hold_end(&hold);
    return result;
}

/* The state of a socket; NULL: it has none. */
static struct nss_connection *of(const struct shim_library *library, struct nspr_file *file)
{
    const struct nss *nss = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    return nss != NULL && nss->layered ? nss_connection_of(nss, file) : NULL;
}

static void handshake_reset(struct shim_library *library, struct nspr_file *file, bool as_server)
{
    struct nss_connection *connection = of(library, file);
    if (connection != NULL) {
        int saved = errno;
        nss_hello_reset(connection);
        atomic_store(&connection->decider, 0);
        connection->as_server = as_server;
        errno = saved;
    }
}

static void reconfigured(struct shim_library *library, struct nspr_file *model,
                         struct nspr_file *file)
{
    struct nss_connection *connection = of(library, file);
    if (connection != NULL) {
        follow_model(connection, of(library, model));
    }
}

static void own_ech(struct shim_library *library, struct nspr_file *file, bool has)
{
    struct nss_connection *connection = of(library, file);
    if (connection != NULL) {
        connection->own_ech = has;
        connection->local_config = false;
    }
}

static void own_grease(struct shim_library *library, struct nspr_file *file, bool enabled)
{
    struct nss_connection *connection = of(library, file);
    if (connection != NULL) {
        connection->own_grease = enabled;
    }
}

static void own_records(struct shim_library *library, struct nspr_file *file)
{
    struct nss_connection *connection = of(library, file);
    if (connection != NULL) {
        connection->own_records = true;
    }
}

static void fill(struct shim_engine *engine)
{
    engine->nss_import = import;
    engine->nss_handshake_reset = handshake_reset;
    engine->nss_reconfigured = reconfigured;
    engine->nss_own_ech = own_ech;
    engine->nss_own_grease = own_grease;
    engine->nss_own_records = own_records;
}

const struct shim_tls_adapter shim_nss_adapter = {
    .fill = fill,
    .before_fork = nss_before_fork,
    .after_fork = nss_after_fork,
};
