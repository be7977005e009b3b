/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls by which programs give ECHConfigs to their TLS library: BoringSSL's, and NSS's, whose
 * functions for ECH are asked for by name.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "shim/own_ech.h"
#include "shim/stub_own_ech.h"

SHIM_EXPORT int SSL_set1_ech_config_list(SSL *ssl, const uint8_t *list, size_t length)
{
    struct shim_library *library =
        stub_library(SHIM_HOOK_SSL_set1_ech_config_list, ssl, __builtin_return_address(0));
    __typeof__(&SSL_set1_ech_config_list) real =
        library != NULL
            ? (__typeof__(&SSL_set1_ech_config_list))library->fn[SHIM_HOOK_SSL_set1_ech_config_list]
            : NULL;
    if (real == NULL) {
        return 0;
    }
    shim_own_ech_note(list, length);
    return real(ssl, list, length);
}

typedef int set_client_ech_configs(void *fd, const uint8_t *list, unsigned length);
static _Atomic(set_client_ech_configs *) real_set_client_ech_configs;

static int noted_set_client_ech_configs(void *fd, const uint8_t *list, unsigned length)
{
    shim_own_ech_note(list, length);
    return atomic_load(&real_set_client_ech_configs)(fd, list, length);
}

SHIM_EXPORT void *SSL_GetExperimentalAPI(const char *name)
{
    __typeof__(&SSL_GetExperimentalAPI) real =
        (__typeof__(&SSL_GetExperimentalAPI))stub_libc(SHIM_HOOK_SSL_GetExperimentalAPI);
    if (real == NULL) {
        /* NSS came by dlopen, and is in nobody's search order but its user's. */
        __typeof__(&dlopen) real_dlopen = (__typeof__(&dlopen))stub_libc(SHIM_HOOK_dlopen);
        void *handle =
            real_dlopen != NULL ? real_dlopen("libssl3.so", RTLD_LAZY | RTLD_NOLOAD) : NULL;
        real = handle != NULL ? (__typeof__(&SSL_GetExperimentalAPI))stub_real_dlsym(
                                    handle, "SSL_GetExperimentalAPI")
                              : NULL;
    }
    void *function = real != NULL ? real(name) : NULL;
    if (function != NULL && strcmp(name, "SSL_SetClientEchConfigs") == 0) {
        atomic_store(&real_set_client_ech_configs, (set_client_ech_configs *)function);
        return (void *)noted_set_client_ech_configs;
    }
    return function;
}
