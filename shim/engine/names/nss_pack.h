/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes addresses in the two forms of the C library's NSS into the caller's buffer. Pure.
 */
#ifndef SHIM_ENGINE_NAMES_NSS_PACK_H
#define SHIM_ENGINE_NAMES_NSS_PACK_H

#include <netdb.h>
#include <nss.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/name.h"

enum { SHIM_NAMES_ADDRESSES = 128 }; /* of one name; further ones are dropped */

struct shim_names_address {
    int family; /* AF_INET, AF_INET6 */
    uint8_t octets[16];
    uint32_t scope;
};

struct shim_names_answer {
    char canonical[DNS_HOST_SIZE];
    char alias[DNS_HOST_SIZE]; /* the name that was asked for, if it differs; else "" */
    struct shim_names_address list[SHIM_NAMES_ADDRESSES];
    size_t count;
};

/*
 * For gethostbyname4_r: a chain of all addresses. If *first is not NULL, the first struct is the
 * caller's own, outside the buffer. False: the buffer is too small.
 */
ECH_MUST_USE bool shim_names_pack_tuples(const struct shim_names_answer *answer,
                                         struct gaih_addrtuple **first, char *buffer, size_t size);

/* For gethostbyname2_r and the like: the addresses of one family. False: the buffer is too small.
 * */
ECH_MUST_USE bool shim_names_pack_host(const struct shim_names_answer *answer, int family,
                                       struct hostent *host, char *buffer, size_t size);

#endif
