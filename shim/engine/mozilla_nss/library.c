/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the functions of a libssl3.
 */
#include <pthread.h>
#include <stdlib.h>

#include "shim/common/hold.h"
#include "shim/engine/base/lock.h"
#include "shim/engine/mozilla_nss/mozilla_nss.h"
#include "shim/engine/state/state.h"

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

void nss_before_fork(void)
{
    (void)pthread_mutex_lock(&tables_lock);
}

void nss_after_fork(void)
{
    (void)pthread_mutex_unlock(&tables_lock);
}

/* The names of the experimental functions are without prefix: NSS adds its own. */
static void resolve_experimental(struct nss *nss)
{
    const struct shim_stub *stub = shim_state()->stub;
    void *(*get)(const char *name) =
        (void *(*)(const char *))stub->dlsym(nss->library->handle, "SSL_GetExperimentalAPI");
    if (get == NULL) {
        return;
    }
#define F(result, name, parameters) nss->name = (result(*) parameters)get(#name);
    SHIM_NSS_EXPERIMENTAL(F)
#undef F
}

static bool resolve(struct nss *nss)
{
    const struct shim_stub *stub = shim_state()->stub;
#define F(result, name, parameters)                                                                \
    nss->name = (result(*) parameters)stub->dlsym(nss->library->handle, #name);                    \
    if (nss->name == NULL) {                                                                       \
        return false;                                                                              \
    }
    SHIM_NSS_FUNCTIONS(F)
#undef F
    nss->identity = nss->PR_GetUniqueIdentity("hello exchange");
    if (nss->identity < 0) {
        return false;
    }
    nss_layer_methods(nss->PR_GetDefaultIOMethods(), &nss->methods);
    struct nss_error kept = nss_error_keep(nss);
    resolve_experimental(nss);
    nss_error_restore(nss, kept); /* an unknown name is an error of NSS */
    return true;
}

struct nss *nss_of(struct shim_library *library)
{
    struct shim_hold hold;
    struct nss *nss = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    if (nss != NULL) {
        return nss;
    }
    shim_lock(&tables_lock, &hold);
    nss = library->engine_data;
    if (nss == NULL) {
        nss = calloc(1, sizeof *nss);
        if (nss != NULL) {
            nss->library = library;
            nss->layered = resolve(nss);
            library->foreign = !nss->layered;
            __atomic_store_n(&library->engine_data, nss, __ATOMIC_RELEASE);
        }
    }
    shim_unlock(&tables_lock, &hold);
    return nss;
}
