/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/nss/module.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define EXPORT __attribute__((visibility("default")))

static _Atomic(const struct shim_names_calls *) attached;

/* The C library looks for this function; no header declares it. */
EXPORT enum nss_status _nss_echshim_gethostbyname4_r(const char *name,
                                                     struct gaih_addrtuple **first, char *buffer,
                                                     size_t size, int *error, int *h_error,
                                                     int32_t *ttl);
EXPORT enum nss_status _nss_echshim_gethostbyname3_r(const char *name, int family,
                                                     struct hostent *host, char *buffer,
                                                     size_t size, int *error, int *h_error,
                                                     int32_t *ttl, char **canonical);
EXPORT enum nss_status _nss_echshim_gethostbyname2_r(const char *name, int family,
                                                     struct hostent *host, char *buffer,
                                                     size_t size, int *error, int *h_error);
EXPORT enum nss_status _nss_echshim_gethostbyname_r(const char *name, struct hostent *host,
                                                    char *buffer, size_t size, int *error,
                                                    int *h_error);

EXPORT void shim_names_attach(const struct shim_names_calls *calls)
{
    atomic_store_explicit(&attached, calls, memory_order_release);
}

static enum nss_status not_attached(int *error, int *h_error)
{
    *error = ENOENT;
    *h_error = NO_RECOVERY;
    return NSS_STATUS_UNAVAIL;
}

enum nss_status _nss_echshim_gethostbyname4_r(const char *name, struct gaih_addrtuple **first,
                                              char *buffer, size_t size, int *error, int *h_error,
                                              int32_t *ttl)
{
    const struct shim_names_calls *calls = atomic_load_explicit(&attached, memory_order_acquire);
    return calls != NULL ? calls->tuples(name, first, buffer, size, error, h_error, ttl)
                         : not_attached(error, h_error);
}

enum nss_status _nss_echshim_gethostbyname3_r(const char *name, int family, struct hostent *host,
                                              char *buffer, size_t size, int *error, int *h_error,
                                              int32_t *ttl, char **canonical)
{
    const struct shim_names_calls *calls = atomic_load_explicit(&attached, memory_order_acquire);
    return calls != NULL
               ? calls->host(name, family, host, buffer, size, error, h_error, ttl, canonical)
               : not_attached(error, h_error);
}

enum nss_status _nss_echshim_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                              char *buffer, size_t size, int *error, int *h_error)
{
    return _nss_echshim_gethostbyname3_r(name, family, host, buffer, size, error, h_error, NULL,
                                         NULL);
}

enum nss_status _nss_echshim_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                                             size_t size, int *error, int *h_error)
{
    return _nss_echshim_gethostbyname3_r(name, AF_INET, host, buffer, size, error, h_error, NULL,
                                         NULL);
}
