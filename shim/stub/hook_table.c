/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where our own hooks are. */
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/stub/hooks_own_ech.h"
#include "shim/stub/hooks_resolv.h"
#include "shim/stub/hooks_write.h"

/* OpenSSL 3.5 declares the first, BoringSSL and quictls the second. The types are theirs, so that
 * their headers agree. */
struct ossl_dispatch_st;
struct ssl_quic_method_st;
SHIM_EXPORT int SSL_set_quic_tls_cbs(SSL *ssl, const struct ossl_dispatch_st *dispatch,
                                     void *argument);
SHIM_EXPORT int SSL_set_quic_method(SSL *ssl, const struct ssl_quic_method_st *method);

void *stub_hook_address(enum shim_hook hook)
{
    static void *const addresses[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = (void *)(name),
#include "shim/common/hooks.def"
#undef HOOK
    };
    return addresses[hook];
}

void *stub_hook_direct(enum shim_hook hook)
{
    static void *const addresses[SHIM_HOOK_COUNT] = {
#define ADDRESS(name) [SHIM_HOOK_##name] = (void *)(stub_direct_##name),
        STUB_DIRECT_HOOKS(ADDRESS)
#undef ADDRESS
    };
    return addresses[hook];
}
