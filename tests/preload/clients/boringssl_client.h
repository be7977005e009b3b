/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_BORINGSSL_CLIENT_H
#define TESTS_PRELOAD_CLIENTS_BORINGSSL_CLIENT_H

#include "client.h"

#include <openssl/ssl.h>

void fail_ssl(const char *what) __attribute__((noreturn));
SSL_CTX *make_ctx(const struct target *target);
/* One connection. */
void fetch_with(SSL_CTX *ctx, const struct target *target);

/* ---- boringssl_settings.c ---- */

void run_compressed(const struct target *target);
void run_tls12(const struct target *target);
void run_tls13_only(const struct target *target);
void run_browser(const struct target *target);
void run_browser_permuted(const struct target *target);

#endif
