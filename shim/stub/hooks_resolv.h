/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C library's own DNS client. Its header declares some of these names in some releases only,
 * and makes them macros in others. Programs linked before glibc 2.34 use the names with __res_. */
#ifndef SHIM_STUB_HOOKS_RESOLV_H
#define SHIM_STUB_HOOKS_RESOLV_H

#include <resolv.h>

#include "shim/stub/stub.h"

#undef res_query
#undef res_nquery
#undef res_search
#undef res_nsearch
#undef res_querydomain
#undef res_nquerydomain
#undef res_send
#undef res_nsend

#define SHIM_RES_QUERY(name)                                                                       \
    SHIM_EXPORT int name(const char *host, int class, int type, unsigned char *answer, int size)
#define SHIM_RES_NQUERY(name)                                                                      \
    SHIM_EXPORT int name(res_state state, const char *host, int class, int type,                   \
                         unsigned char *answer, int size)
#define SHIM_RES_QUERYDOMAIN(name)                                                                 \
    SHIM_EXPORT int name(const char *host, const char *domain, int class, int type,                \
                         unsigned char *answer, int size)
#define SHIM_RES_NQUERYDOMAIN(name)                                                                \
    SHIM_EXPORT int name(res_state state, const char *host, const char *domain, int class,         \
                         int type, unsigned char *answer, int size)
#define SHIM_RES_SEND(name)                                                                        \
    SHIM_EXPORT int name(const unsigned char *question, int length, unsigned char *answer, int size)
#define SHIM_RES_NSEND(name)                                                                       \
    SHIM_EXPORT int name(res_state state, const unsigned char *question, int length,               \
                         unsigned char *answer, int size)

SHIM_RES_QUERY(res_query);
SHIM_RES_QUERY(__res_query);
SHIM_RES_QUERY(res_search);
SHIM_RES_QUERY(__res_search);
SHIM_RES_NQUERY(res_nquery);
SHIM_RES_NQUERY(__res_nquery);
SHIM_RES_NQUERY(res_nsearch);
SHIM_RES_NQUERY(__res_nsearch);
SHIM_RES_QUERYDOMAIN(res_querydomain);
SHIM_RES_QUERYDOMAIN(__res_querydomain);
SHIM_RES_NQUERYDOMAIN(res_nquerydomain);
SHIM_RES_NQUERYDOMAIN(__res_nquerydomain);
SHIM_RES_SEND(res_send);
SHIM_RES_SEND(__res_send);
SHIM_RES_NSEND(res_nsend);
SHIM_RES_NSEND(__res_nsend);

#endif
