/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnss_echshim.so.2: the C library calls a service of its Name Service Switch by fixed names in a
 * library of a fixed name. This library has only those names. The engine loads it from its own
 * folder, and gives the answers.
 */
#ifndef SHIM_NSS_MODULE_H
#define SHIM_NSS_MODULE_H

#include <netdb.h>
#include <nss.h>
#include <stddef.h>
#include <stdint.h>

/* Arguments and results are those of gethostbyname4_r and gethostbyname3_r of an NSS module. */
struct shim_names_calls {
    enum nss_status (*tuples)(const char *name, struct gaih_addrtuple **first, char *buffer,
                              size_t size, int *error, int *h_error, int32_t *ttl);
    enum nss_status (*host)(const char *name, int family, struct hostent *host, char *buffer,
                            size_t size, int *error, int *h_error, int32_t *ttl, char **canonical);
};

/* Sets who answers from now on; before, the service is not available. Keeps the pointer `calls`. */
void shim_names_attach(const struct shim_names_calls *calls);
typedef void shim_names_attach_function(const struct shim_names_calls *calls);

#endif
