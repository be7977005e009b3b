/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine knows of a TLS library: this struct. All else is in the library's own folder.
 */
#ifndef SHIM_ENGINE_TLS_ADAPTER_H
#define SHIM_ENGINE_TLS_ADAPTER_H

#include "shim/common/abi.h"

struct shim_tls_adapter {
    /* Puts the library's functions into the table that the stub calls. */
    void (*fill)(struct shim_engine *engine);
    /* Takes the adapter's locks before a fork, and gives them back after it in parent and child:
     * else the child could inherit a lock that it can never release. */
    void (*before_fork)(void);
    void (*after_fork)(void);
};

/* shim_openssl_adapter, shim_gnutls_adapter, ... */
#define TLS_LIBRARY(family, name, ...) extern const struct shim_tls_adapter shim_##name##_adapter;
#define TLS_UNSUPPORTED(...)
#define TLS_SONAME(...)
#include "shim/common/tls_libraries.def"
#undef TLS_LIBRARY
#undef TLS_UNSUPPORTED
#undef TLS_SONAME

#endif
