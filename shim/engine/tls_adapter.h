/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine has to know of one TLS library: a folder of its own, and this.
 */
#ifndef SHIM_ENGINE_TLS_ADAPTER_H
#define SHIM_ENGINE_TLS_ADAPTER_H

#include "shim/common/abi.h"

struct shim_tls_adapter {
    /* Puts the library's calls into the table that the stub goes by. */
    void (*fill)(struct shim_engine *engine);
    /* Takes its locks before a fork, and gives them back after it, in parent and child: else the
     * child would inherit one that it can never release. */
    void (*before_fork)(void);
    void (*after_fork)(void);
};

/* shim_openssl_adapter, shim_gnutls_adapter, ... */
#define TLS_LIBRARY(family, name, ...) extern const struct shim_tls_adapter shim_##name##_adapter;
#define TLS_SONAME(...)
#include "shim/common/tls_libraries.def"
#undef TLS_LIBRARY
#undef TLS_SONAME

#endif
