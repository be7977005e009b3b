/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/state/ldns.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dns/ldns.h"
#include "shim/common/hold.h"
#include "shim/engine/state/log.h"
#include "shim/engine/state/state.h"

#define LIBRARY "libechshim-ldns.so"

enum { PATH_SIZE = 4096 };

static _Atomic(const struct dns_ldns *) loaded;
static const char *own_path;

void shim_ldns_start(void)
{
    Dl_info info;
    if (dladdr(&own_path, &info) != 0) {
        own_path = info.dli_fname;
    }
}

static const struct dns_ldns *load(void)
{
    char path[PATH_SIZE];
    const struct shim_stub *stub = shim_state()->stub;
    const char *slash = own_path != NULL ? strrchr(own_path, '/') : NULL;
    int folder = slash != NULL ? (int)(slash - own_path) + 1 : 0;
    int length = snprintf(path, sizeof path, "%.*s" LIBRARY, folder, own_path);
    void *handle = length > 0 && (size_t)length < sizeof path
                       ? stub->dlopen(path, RTLD_NOW | RTLD_LOCAL)
                       : NULL;
    if (handle == NULL) {
        shim_log(&shim_state()->settings, SHIM_LOG_ERROR, "%s cannot be loaded", path);
        return NULL;
    }
    __typeof__(&dns_ldns_table) table =
        (__typeof__(&dns_ldns_table))stub->dlsym(handle, "dns_ldns_table");
    return table != NULL ? table() : NULL;
}

const struct dns_ldns *dns_ldns(void)
{
    const struct dns_ldns *now = atomic_load_explicit(&loaded, memory_order_acquire);
    if (now == NULL) {
        struct shim_hold hold;
        int saved = errno;
        shim_hold_begin(&hold);
        now = load(); /* two threads may do so, and get the same */
        atomic_store_explicit(&loaded, now, memory_order_release);
        shim_hold_end(&hold);
        errno = saved;
    }
    return now;
}
