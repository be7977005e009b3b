/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the adapter of NSS, Mozilla's TLS library (libssl3 and libnspr4): its functions, and
 * the state of one socket. It has nothing to do with shim/nss, which is a module of the C library's
 * Name Service Switch.
 *
 * NSS is a library with an ECH client of its own. It gets a local config, whose key is ours
 * (ech/local_config.h), and the session opens what NSS seals to it.
 */
#ifndef SHIM_ENGINE_MOZILLA_NSS_MOZILLA_NSS_H
#define SHIM_ENGINE_MOZILLA_NSS_MOZILLA_NSS_H

#include <stdatomic.h>

#include "dns/name.h"
#include "shim/common/abi.h"
#include "shim/common/nspr.h"
#include "shim/engine/session/session.h"

/* Every libssl3 (or what it needs) has these: F(result, name, parameters) */
#define SHIM_NSS_FUNCTIONS(F)                                                                      \
    F(int, PR_GetUniqueIdentity, (const char *name))                                               \
    F(struct nspr_file *, PR_CreateIOLayerStub,                                                    \
      (int identity, const struct nspr_methods *methods))                                          \
    F(const struct nspr_methods *, PR_GetDefaultIOMethods, (void))                                 \
    F(int, PR_PushIOLayer, (struct nspr_file * stack, int identity, struct nspr_file *layer))      \
    F(struct nspr_file *, PR_PopIOLayer, (struct nspr_file * stack, int identity))                 \
    F(struct nspr_file *, PR_GetIdentitiesLayer, (struct nspr_file * stack, int identity))         \
    F(int, PR_FileDesc2NativeHandle, (struct nspr_file * file))                                    \
    F(int32_t, PR_GetError, (void))                                                                \
    F(int32_t, PR_GetOSError, (void))                                                              \
    F(void, PR_SetError, (int32_t error, int32_t os_error))                                        \
    F(uint32_t, PR_IntervalNow, (void))                                                            \
    F(void, PR_Free, (void *memory))                                                               \
    F(int, SSL_OptionGet, (struct nspr_file * file, int32_t option, int *value))                   \
    F(int, SSL_VersionRangeGet, (struct nspr_file * file, struct nss_version_range * range))       \
    F(int, SSL_CipherPrefGet, (struct nspr_file * file, int32_t cipher, int *enabled))             \
    F(char *, SSL_RevealURL, (struct nspr_file * file))

/* What SSL_GetExperimentalAPI gives; NULL: this version has none. */
#define SHIM_NSS_EXPERIMENTAL(F)                                                                   \
    F(int, SSL_SetClientEchConfigs,                                                                \
      (struct nspr_file * file, const uint8_t *list, unsigned length))                             \
    F(int, SSL_RemoveEchConfigs, (struct nspr_file * file))                                        \
    F(int, SSL_EnableTls13GreaseEch, (struct nspr_file * file, int enabled))                       \
    F(int, SSL_SetTls13GreaseEchSize, (struct nspr_file * file, uint8_t size))

struct nss {
    struct shim_library *library;
    bool layered;                /* false: use nothing below */
    int identity;                /* of our layers */
    struct nspr_methods methods; /* of our layers */
    /* Does it know the ECH of RFC 9849? Not known before a first handshake: it is tried. */
    enum { NSS_ECH_UNTRIED, NSS_ECH_KNOWN, NSS_ECH_UNKNOWN } _Atomic ech;
#define F(result, name, parameters) result(*name) parameters;
    SHIM_NSS_FUNCTIONS(F)
    SHIM_NSS_EXPERIMENTAL(F)
#undef F
};

/* How far a handshake has come, for us. */
enum nss_phase {
    NSS_OPEN,    /* nothing decided */
    NSS_PASS,    /* decided: NSS's own hello */
    NSS_GREASE,  /* decided: NSS's own hello, with its GREASE; session is set */
    NSS_ARMED,   /* decided: ECH. NSS has the local config, and session is set. */
    NSS_STARTED, /* the session has got octets of the hello */
    NSS_REFUSED, /* decided: no hello may leave */
    NSS_OVER,    /* the exchange is over and holds nothing */
};

/* The state of one socket: the secret of our layer. A handshake is in one thread at a time, which
 * NSS's locks see to. The atomic members may be read in other threads meanwhile, by PR_Poll. */
struct nss_connection {
    const struct nss *nss;
    _Atomic enum nss_phase phase;
    atomic_uintptr_t decider; /* the thread that decides; 0: none */
    bool imported;            /* NSS's layer lies on ours */
    bool as_server;           /* SSL_ResetHandshake said so */
    /* What the program did by itself. A socket made from a model has its model's. */
    bool own_ech;      /* gave ECHConfigs of its own */
    bool own_grease;   /* switched NSS's GREASE on */
    bool own_records;  /* carries TLS's records by itself (QUIC) */
    bool local_config; /* NSS has a config of ours */
    bool our_grease;   /* we have switched NSS's GREASE on */
    bool hello_made;
    char server_name[DNS_HOST_SIZE]; /* the name that the decision was made for */
    struct shim_session *session;
    size_t taken; /* octets of a write that the exchange took before the transport said "later" */
    /* What PR_Poll has to know. */
    atomic_bool readable; /* the exchange holds octets for NSS, or an end */
    atomic_bool writes;   /* the exchange has octets for the network */
};

/* ---- library.c ---- */

/* The table of a library, made at the first call. Look at `layered`. NULL only for want of
 * memory. */
struct nss *nss_of(struct shim_library *library);
/* See struct shim_tls_adapter. */
void nss_before_fork(void);
void nss_after_fork(void);

/* NSPR keeps one error for each thread. */
struct nss_error {
    int32_t error;
    int32_t os_error;
};

static inline struct nss_error nss_error_keep(const struct nss *nss)
{
    return (struct nss_error){nss->PR_GetError(), nss->PR_GetOSError()};
}

static inline void nss_error_restore(const struct nss *nss, struct nss_error kept)
{
    nss->PR_SetError(kept.error, kept.os_error);
}

/* ---- layer.c ---- */

/* Our methods, in a copy of NSPR's own for a layer. */
void nss_layer_methods(const struct nspr_methods *defaults, struct nspr_methods *methods);
/* Pushes our layer. NULL for want of memory: nothing is changed then. */
struct nss_connection *nss_layer_push(const struct nss *nss, struct nspr_file *file);
void nss_layer_pop(const struct nss *nss, struct nspr_file *file);
/* The state of the topmost layer of ours in a stack; NULL: there is none. */
struct nss_connection *nss_connection_of(const struct nss *nss, struct nspr_file *file);

/* ---- trial.c ---- */

/* Does this NSS know ECH? Tries it on a socket, which has no ECHConfigs afterwards. */
bool nss_knows_ech(const struct nss *nss, struct nspr_file *file);

/* ---- hello.c ---- */

/* NSS asks for the peer, as it does when a client's handshake begins, or the program does. Decides
 * about the handshake if that is still to be done. False: the handshake must fail, and the error is
 * set. */
bool nss_hello_begins(struct nss_connection *connection, struct nspr_file *layer);
/* NSS writes, and that is not decided yet: a hello without a name. False as above. */
bool nss_hello_leaves(struct nss_connection *connection, struct nspr_file *layer);
/* Undoes the decision. NSS may keep a config of ours, which the next decision takes away. */
void nss_hello_reset(struct nss_connection *connection);
/* Sets the error of a handshake that ended for want of ECH. */
void nss_hello_fail(const struct nss_connection *connection);

#endif
