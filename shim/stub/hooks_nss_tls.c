/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exported functions of NSS. Each finds the real function, tells the engine, and calls the real
 * function. Without an engine the wire guard judges the hellos.
 */
#include "shim/stub/hooks_nss_tls.h"

#include <errno.h>
#include <string.h>

#include "shim/common/own_ech.h"
#include "shim/stub/library.h"

SHIM_EXPORT struct nspr_file *SSL_ImportFD(struct nspr_file *model, struct nspr_file *fd)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_ImportFD, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_ImportFD, NULL, model, fd);
    }
    const struct shim_engine *engine = stub_engine();
    return engine != NULL ? engine->nss_import(library, model, fd)
                          : REAL(library, SSL_ImportFD)(model, fd);
}

/* The library whose layer a stack of NSPR's has. NULL: it has none. */
static struct shim_library *library_of(const struct nspr_file *fd)
{
    struct shim_library *library = NULL;
    for (; fd != NULL && library == NULL; fd = fd->lower) {
        library = stub_library_at(SHIM_FAMILY_NSS, fd->methods);
    }
    return library;
}

SHIM_EXPORT struct nspr_file *SSL_ReconfigFD(struct nspr_file *model, struct nspr_file *fd)
{
    struct shim_library *library = library_of(fd);
    if (library == NULL || REAL(library, SSL_ReconfigFD) == NULL) {
        PASS_ON(SSL_ReconfigFD, NULL, model, fd);
    }
    struct nspr_file *result = REAL(library, SSL_ReconfigFD)(model, fd);
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL && result != NULL) {
        engine->nss_reconfigured(library, model, fd);
    }
    return result;
}

SHIM_EXPORT int SSL_ResetHandshake(struct nspr_file *fd, int as_server)
{
    struct shim_library *library = library_of(fd);
    if (library == NULL || REAL(library, SSL_ResetHandshake) == NULL) {
        PASS_ON(SSL_ResetHandshake, NSPR_FAILURE, fd, as_server);
    }
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL) {
        engine->nss_handshake_reset(library, fd, as_server != 0);
    }
    return REAL(library, SSL_ResetHandshake)(fd, as_server);
}

/* ---- the experimental functions, which programs ask for by name ---- */

typedef int set_client_ech_configs(struct nspr_file *fd, const uint8_t *list, unsigned length);
typedef int remove_ech_configs(struct nspr_file *fd);
typedef int enable_tls13_grease_ech(struct nspr_file *fd, int enabled);
typedef int record_layer_write_callback(struct nspr_file *fd, void (*callback)(void),
                                        void *argument);

/* Calls the function of the library that made the socket, and runs `note` if it succeeds. */
#define EXPERIMENTAL(type, name, note, ...)                                                        \
    struct shim_library *library = library_of(fd);                                                 \
    type *real = library != NULL && REAL(library, SSL_GetExperimentalAPI) != NULL                  \
                     ? (type *)REAL(library, SSL_GetExperimentalAPI)(name)                         \
                     : NULL;                                                                       \
    int result = real != NULL ? real(__VA_ARGS__) : NSPR_FAILURE;                                  \
    const struct shim_engine *engine = stub_engine_if_loaded();                                    \
    if (result == NSPR_SUCCESS && engine != NULL) {                                                \
        int saved = errno;                                                                         \
        note;                                                                                      \
        errno = saved;                                                                             \
    }                                                                                              \
    return result

static int noted_set_client_ech_configs(struct nspr_file *fd, const uint8_t *list, unsigned length)
{
    int before = errno;
    (void)shim_own_ech_note(list, length); /* for the wire guard, which needs no engine */
    errno = before;
    EXPERIMENTAL(set_client_ech_configs, "SSL_SetClientEchConfigs",
                 engine->nss_own_ech(library, fd, true), fd, list, length);
}

static int noted_remove_ech_configs(struct nspr_file *fd)
{
    EXPERIMENTAL(remove_ech_configs, "SSL_RemoveEchConfigs",
                 engine->nss_own_ech(library, fd, false), fd);
}

static int noted_enable_tls13_grease_ech(struct nspr_file *fd, int enabled)
{
    EXPERIMENTAL(enable_tls13_grease_ech, "SSL_EnableTls13GreaseEch",
                 engine->nss_own_grease(library, fd, enabled != 0), fd, enabled);
}

static int noted_record_layer_write_callback(struct nspr_file *fd, void (*callback)(void),
                                             void *argument)
{
    EXPERIMENTAL(record_layer_write_callback, "SSL_RecordLayerWriteCallback",
                 engine->nss_own_records(library, fd), fd, callback, argument);
}

SHIM_EXPORT void *SSL_GetExperimentalAPI(const char *name)
{
    static const struct {
        const char *name;
        void *noted;
    } functions[] = {
        {"SSL_SetClientEchConfigs", (void *)noted_set_client_ech_configs},
        {"SSL_RemoveEchConfigs", (void *)noted_remove_ech_configs},
        {"SSL_EnableTls13GreaseEch", (void *)noted_enable_tls13_grease_ech},
        {"SSL_RecordLayerWriteCallback", (void *)noted_record_layer_write_callback},
    };
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_GetExperimentalAPI, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_GetExperimentalAPI, NULL, name);
    }
    void *function = REAL(library, SSL_GetExperimentalAPI)(name);
    for (size_t i = 0; function != NULL && i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            return functions[i].noted;
        }
    }
    return function;
}
