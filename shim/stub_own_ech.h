/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions that we export and that no header declares which we include.
 */
#ifndef SHIM_STUB_OWN_ECH_H
#define SHIM_STUB_OWN_ECH_H

#include "shim/stub.h"

/* As BoringSSL declares it; OpenSSL 4.0 has one of that name too. */
SHIM_EXPORT int SSL_set1_ech_config_list(SSL *ssl, const uint8_t *list, size_t length);
/* Of NSS. */
SHIM_EXPORT void *SSL_GetExperimentalAPI(const char *name);

#endif
