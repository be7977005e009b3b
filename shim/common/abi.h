/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface between the stub (libechshim.so, in the global symbol scope, libc only) and the
 * engine (libechshim-engine.so, loaded RTLD_LOCAL): two structs of function pointers with one
 * version number. Both come from one build. The version guards against an engine of another release
 * beside the stub.
 */
#ifndef SHIM_COMMON_ABI_H
#define SHIM_COMMON_ABI_H

#include <gnutls/gnutls.h>
#include <netdb.h>
#include <openssl/ossl_typ.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/common/conf.h"
#include "shim/common/given_config.h"
#include "shim/common/handlers.h"
#include "shim/common/nspr.h"
#include "shim/common/tls_libraries.h"

enum { SHIM_ABI_VERSION = 16 };

/* SHIM_HOOK_connect, SHIM_HOOK_SSL_read, ...: one for each line of hooks.def */
enum shim_hook {
#define HOOK(name, family) SHIM_HOOK_##name,
#include "shim/common/hooks.def"
#undef HOOK
    SHIM_HOOK_COUNT
};

/* The type that SSL_set_info_callback takes. */
typedef void shim_info_callback(const SSL *ssl, int where, int value);

/*
 * One TLS library in the process. Two libraries of one family have two of these. It lives until the
 * process ends, and `handle` keeps the library from being unloaded, so that no pointer taken from
 * it can dangle.
 */
struct shim_library {
    enum shim_family family;
    const void *base;          /* load address: its identity */
    const void *end;           /* behind its last octet; base if other code lies there too */
    void *handle;              /* of dlopen(RTLD_NOLOAD) */
    void *fn[SHIM_HOOK_COUNT]; /* the real functions of its family; NULL: this version has none */
    unsigned number;           /* 1: the first of its family that we knew, ... */
    bool foreign;              /* set by the engine: it has the names, but we do not know it */
    void *engine_data; /* the engine's own table of the library's functions; set once, under the
                          engine's lock */
};

/* A descriptor on which we saw `connect`. It may be closed or reused since: ask getpeername before
 * you trust it. */
struct shim_connection {
    int fd;
    uint32_t sequence; /* grows with each connect; the highest is the newest */
    uint16_t port;     /* host order */
    bool written;      /* as far as we saw, it has carried more than requests to proxies since */
};

/* Where a connection leads, beyond its peer. */
struct shim_way {
    int fd;       /* of the connection */
    bool tunnel;  /* through a proxy: the program asked one, or the peer is not that of `connect` */
    bool watched; /* `connect` or a proxy was asked for a port that is watched, or may be */
    uint16_t port; /* the last port asked for; 0: none, or it could not be read */
    /* Answers of the kernel, so that each is asked for only once. */
    uint64_t socket;              /* its identity (shim/common/socket_identity.h); 0: not asked */
    struct sockaddr_storage peer; /* ss_family AF_UNSPEC: not asked, or there is none yet */
    enum { SHIM_CARRIED_UNASKED, SHIM_CARRIED_NOTHING, SHIM_CARRIED_OCTETS } carried; /* to it */
};

/* What the guard does for an announced hello, besides letting it leave. */
enum shim_watch {
    SHIM_WATCH_NOT,
    SHIM_WATCH_SENT,   /* note where it goes, for descriptor_of */
    SHIM_WATCH_LEAVES, /* the same, and call hello_leaves before an octet goes out */
};

/* Octets that the engine gives to a transport of the program. They can be read. */
struct shim_carried {
    const void *octets;
    size_t length;
    uintptr_t frame; /* of the function that gives them (shim/common/frame.h) */
    int fd; /* the transport's, of this socket in this call of the program; -1: not known */
    uint64_t socket; /* its identity (shim/common/socket_identity.h) */
};

/* Where OpenSSL asks a program for a pre-shared key: SSL_set_psk_client_callback, as before TLS
 * 1.3, and SSL_set_psk_use_session_callback. */
enum shim_psk_kind { SHIM_PSK_CLIENT, SHIM_PSK_SESSION };

/* A private key that a library has just made. Borrowed. */
struct shim_made_key {
    enum shim_hook hook;     /* the function that made it, of family CRYPTO */
    const void *function;    /* the real one: tells whose it is */
    const void *public_key;  /* as the function gave them; for EVP_PKEY_keygen: the context that */
    const void *private_key; /* it was called with, and the EVP_PKEY */
};

/* A library sets up a sender of HPKE (RFC 9180), or seals with it. Borrowed. `context` tells the
 * sender from others. */
struct shim_hpke_setup {
    const void *context;
    const void *info;
    size_t info_length;
};
struct shim_hpke_sealing {
    const void *context;
    const void *plaintext;
    size_t plaintext_length;
    const void *ciphertext;
    size_t ciphertext_length;
};
/* To whom the sender seals instead. */
struct shim_hpke_recipient {
    uint8_t public_key[32]; /* of X25519 */
    uint8_t info[1024];
    size_t info_length;
};

/* What the stub offers to the engine. */
struct shim_stub {
    uint32_t version;
    /* What environment and files say; constant. */
    const struct shim_conf *conf;
    /* The loader's own dlsym, not our hook. A failure leaves no message for the program's dlerror;
     * nor does one of dlopen. */
    void *(*dlsym)(void *handle, const char *name);
    /* libc's own. Opens nothing new after chroot, where a file may be foreign, and nothing once the
     * program has locked itself in. */
    void *(*dlopen)(const char *file, int mode);
    /* libc's own. */
    long (*futex)(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout);
    int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
    /* The same with signals held back (shim/common/hold.h), where another preload may lead the
     * connection elsewhere. *socket: the identity of the socket that it has put under the
     * descriptor, close-on-exec; 0: it has put none there. */
    int (*connect_led)(int fd, const struct sockaddr *address, socklen_t length, uint64_t *socket);
    ssize_t (*write)(int fd, const void *data, size_t length);
    ssize_t (*send)(int fd, const void *data, size_t length, int flags);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    int (*getaddrinfo)(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result);
    /* sendmsg behind the wire guard: for octets of the application that the engine carries. */
    ssize_t (*guarded_sendmsg)(int fd, const struct msghdr *message, int flags);
    /* Writes the noted descriptors of sockets, newest first; returns how many. Those that are known
     * to be no stream are left out. Lock-free. */
    size_t (*connections)(struct shim_connection *out, size_t max);

    /*
     * The wire guard (docs/architecture.md). announce: a ClientHello with this random may leave to
     * a watched port, until withdraw. Announce it before its octets can leave, once for each hello.
     * False: too many are pending. Then strict mode stops the hello after its first 42 octets at
     * the latest.
     */
    bool (*announce)(const uint8_t random[32], enum shim_watch watch);
    void (*withdraw)(const uint8_t random[32]);
    /* The descriptor on which an announced and watched hello was sent. False: it was not sent yet,
     * or the descriptor does not lead to that socket any more. */
    bool (*descriptor_of)(const uint8_t random[32], int *fd);
    /* Where the connection under a descriptor leads. If the descriptor is hidden (-1): the newest
     * connection on which a proxy was asked for this host (NULL: for a watched port). False: there
     * is none. */
    bool (*way_of)(int fd, const char *host, struct shim_way *way);
    /* Is there another library between the program and the C library's connect or getaddrinfo? Then
     * we know nothing of a connection before it is there. Takes the loader's lock, once. */
    bool (*in_company)(void);
    /* A hello that is not announced goes out on purpose (never in strict mode), and was reported
     * already. fd -1: the socket is not known. */
    void (*permit)(int fd);
    /* A library has made a ClientHelloInner with this random. Until withdraw, no mode lets it go
     * out in the clear. False: there is no memory. */
    bool (*keep_in)(const uint8_t random[32]);
    /* Has the program locked itself in (seccomp)? From then on a system call that the program does
     * not make itself may end it. So we look up, open and connect nothing any more. */
    bool (*locked)(void);
    /* What is known of the program's signal handlers. */
    struct shim_handlers *handlers;
    /* That hello may go out until withdraw: ECH was securely disabled. */
    bool (*permit_hello)(const uint8_t random[32]);

    /*
     * Report, log and standard error (shim/stub/output.h): one line each, by one call. They never
     * block, raise no signal, and write only to what was asked for at the start.
     */
    bool (*report_line)(const void *octets, size_t length);
    unsigned long (*report_lost)(void);
    void (*report_count_lost)(void);
    void (*log_line)(const struct iovec *parts, int count);
    bool (*complain)(const struct iovec *parts, int count);
    bool (*output_stopped)(void);
    /* The path of the executable, or NULL. */
    const char *(*program)(void);
    /* Has the program given its own ECHConfigs for this SSL, of a library that is not supported?
     * Then the wire guard judges the hello. */
    bool (*own_ech)(const struct shim_library *library, const SSL *ssl);
    /* Was nothing reported yet of a handshake of this SSL or session, of a library that is not
     * supported? The same question later gives false. */
    bool (*first_told)(const void *object, int fd, const char *name);
    /* From now on, tell key_made of each private key that a library makes in this thread, and
     * hpke_begins and hpke_sealed of HPKE. 0: not any more. Returns what held before. */
    uint64_t (*watch_keys)(uint64_t watch);
    /* What this thread is about to write, so that the wire guard need not ask the kernel what we
     * know. Copied. NULL: the write has ended. */
    void (*carry)(const struct shim_carried *carried);
};

/* What the engine offers to the stub. Every function keeps errno unless its comment says
 * otherwise. */
struct shim_engine {
    uint32_t version;

    /* The whole of getaddrinfo: calls the real function itself, and returns what the application
     * shall see. */
    int (*getaddrinfo)(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result);
    /* Another function is about to resolve a host's name; service and hints may be NULL. False: the
     * function must fail. */
    bool (*name_asked)(const char *node, const char *service, const struct addrinfo *hints);

    /*
     * connect() to a watched port has returned before the connection is there (EINPROGRESS). May be
     * called in a signal handler, and does nothing there. Keeps errno. Not called once the program
     * has locked itself in.
     */
    void (*connecting)(const struct sockaddr *address, socklen_t length);
    /*
     * A hello that was announced with SHIM_WATCH_LEAVES is about to be written to this descriptor,
     * which may lead somewhere else afterwards. False: do not write it. May wait, and take locks:
     * programs do not start a handshake in a signal handler.
     */
    bool (*hello_leaves)(const uint8_t random[32], int fd);
    /* A private key was made in a thread that watches. False: that watch is over. Takes no lock. */
    bool (*key_made)(uint64_t watch, const struct shim_made_key *made);
    /* A sender of HPKE is to be set up in such a thread. True: for *recipient, which was filled in,
     * in place of the recipient that the library means. */
    bool (*hpke_begins)(uint64_t watch, const struct shim_hpke_setup *setup,
                        struct shim_hpke_recipient *recipient);
    /* It has sealed. */
    void (*hpke_sealed)(uint64_t watch, const struct shim_hpke_sealing *sealing);

    /*
     * A context was made. True: we control handshakes on it. False: we cannot (an unknown library,
     * no memory), and the context is unchanged.
     */
    bool (*openssl_context)(struct shim_library *library, SSL_CTX *context);
    /* The library that made this SSL; NULL: not known. Asked only if a process has two of them. */
    struct shim_library *(*openssl_library_of)(const SSL *ssl);
    /* The program makes a call that may start a handshake. False: the call must fail, and that was
     * reported. `connect`: the call is SSL_connect. */
    bool (*openssl_before)(struct shim_library *library, SSL *ssl, bool connect);
    /* The call returned: cleans up after a finished exchange. */
    void (*openssl_after)(struct shim_library *library, SSL *ssl);
    /* The BIO that SSL_get_rbio or SSL_get_wbio should return: the application's, never our
     * filter. */
    BIO *(*openssl_visible_bio)(struct shim_library *library, BIO *bio);
    /* The application is about to give the SSL other BIOs; it has done so. */
    void (*openssl_bio_leaving)(struct shim_library *library, SSL *ssl);
    void (*openssl_bio_replaced)(struct shim_library *library, SSL *ssl);
    /* The SSL will speak QUIC: not ours. */
    void (*openssl_quic)(struct shim_library *library, SSL *ssl);
    /*
     * The program's info callback of a context, or of one SSL (`context` is NULL then). set: true
     * if the engine keeps it, and calls it from its own; do not call the real function. get: true
     * if *callback is the one that it keeps. False: the engine has none in there.
     */
    bool (*openssl_set_info_callback)(struct shim_library *library, SSL_CTX *context, SSL *ssl,
                                      shim_info_callback *callback);
    bool (*openssl_get_info_callback)(struct shim_library *library, const SSL_CTX *context,
                                      const SSL *ssl, shim_info_callback **callback);
    /* SSL_dup has made `copy`. */
    void (*openssl_copied)(struct shim_library *library, const SSL *ssl, const SSL *copy);
    /* The program has added an extension of its own to the ClientHellos of this context. */
    void (*openssl_own_extension)(struct shim_library *library, const SSL_CTX *context);
    /* The program has set, in an SSL or SSL_CTX, an ALPN list of so many octets; a callback that
     * may give a pre-shared key, of one of two kinds, or has taken that away. */
    void (*openssl_alpn)(struct shim_library *library, const void *object, size_t octets);
    void (*openssl_psk)(struct shim_library *library, const void *object, enum shim_psk_kind kind,
                        bool set);

    /* The whole hooks of GnuTLS: each calls the real function itself, and returns what the
     * application shall see. */
    int (*gnutls_init)(struct shim_library *library, gnutls_session_t *session, unsigned int flags);
    /* The library that made this session; NULL: not known. Asked only if a process has two. */
    struct shim_library *(*gnutls_library_of)(gnutls_session_t session);
    void (*gnutls_deinit)(struct shim_library *library, gnutls_session_t session);
    int (*gnutls_handshake)(struct shim_library *library, gnutls_session_t session);
    int (*gnutls_server_name_set)(struct shim_library *library, gnutls_session_t session,
                                  gnutls_server_name_type_t type, const void *name,
                                  size_t name_length);
    int (*gnutls_alpn_set_protocols)(struct shim_library *library, gnutls_session_t session,
                                     const gnutls_datum_t *protocols, unsigned count,
                                     unsigned flags);
    int (*gnutls_priority_init)(struct shim_library *library, gnutls_priority_t *cache,
                                const char *priorities, const char **error_position);
    int (*gnutls_priority_init2)(struct shim_library *library, gnutls_priority_t *cache,
                                 const char *priorities, const char **error_position,
                                 unsigned flags);
    void (*gnutls_priority_deinit)(struct shim_library *library, gnutls_priority_t cache);
    int (*gnutls_priority_set)(struct shim_library *library, gnutls_session_t session,
                               gnutls_priority_t priority);
    int (*gnutls_priority_set_direct)(struct shim_library *library, gnutls_session_t session,
                                      const char *priorities, const char **error_position);
    int (*gnutls_set_default_priority)(struct shim_library *library, gnutls_session_t session);
    int (*gnutls_set_default_priority_append)(struct shim_library *library,
                                              gnutls_session_t session, const char *add_prio,
                                              const char **error_position, unsigned flags);
    int (*gnutls_session_ext_register)(struct shim_library *library, gnutls_session_t session,
                                       const char *name, int id,
                                       gnutls_ext_parse_type_t parse_point,
                                       gnutls_ext_recv_func receive, gnutls_ext_send_func send,
                                       gnutls_ext_deinit_data_func deinit,
                                       gnutls_ext_pack_func pack, gnutls_ext_unpack_func unpack,
                                       unsigned flags);
    int (*gnutls_record_get_direction)(struct shim_library *library, gnutls_session_t session);
    void (*gnutls_session_enable_compatibility_mode)(struct shim_library *library,
                                                     gnutls_session_t session);
    int (*gnutls_session_set_data)(struct shim_library *library, gnutls_session_t session,
                                   const void *data, size_t size);
    void (*gnutls_transport_set_push_function)(struct shim_library *library,
                                               gnutls_session_t session, gnutls_push_func push);
    void (*gnutls_transport_set_vec_push_function)(struct shim_library *library,
                                                   gnutls_session_t session,
                                                   gnutls_vec_push_func vec_push);
    void (*gnutls_transport_set_pull_function)(struct shim_library *library,
                                               gnutls_session_t session, gnutls_pull_func pull);
    void (*gnutls_transport_set_pull_timeout_function)(struct shim_library *library,
                                                       gnutls_session_t session,
                                                       gnutls_pull_timeout_func pull_timeout);
    void (*gnutls_transport_set_errno_function)(struct shim_library *library,
                                                gnutls_session_t session,
                                                gnutls_errno_func error_number);
    void (*gnutls_transport_set_errno)(struct shim_library *library, gnutls_session_t session,
                                       int error);
    void (*gnutls_transport_set_ptr)(struct shim_library *library, gnutls_session_t session,
                                     gnutls_transport_ptr_t pointer);
    void (*gnutls_transport_set_ptr2)(struct shim_library *library, gnutls_session_t session,
                                      gnutls_transport_ptr_t receive, gnutls_transport_ptr_t send);
    void (*gnutls_transport_set_int2)(struct shim_library *library, gnutls_session_t session,
                                      int receive, int send);
    gnutls_transport_ptr_t (*gnutls_transport_get_ptr)(struct shim_library *library,
                                                       gnutls_session_t session);
    void (*gnutls_transport_get_ptr2)(struct shim_library *library, gnutls_session_t session,
                                      gnutls_transport_ptr_t *receive,
                                      gnutls_transport_ptr_t *send);
    int (*gnutls_transport_get_int)(struct shim_library *library, gnutls_session_t session);
    void (*gnutls_transport_get_int2)(struct shim_library *library, gnutls_session_t session,
                                      int *receive, int *send);
    void (*gnutls_handshake_set_read_function)(struct shim_library *library,
                                               gnutls_session_t session,
                                               gnutls_handshake_read_func read);

    /* The whole hook of NSS's SSL_ImportFD: calls the real function itself. */
    struct nspr_file *(*nss_import)(struct shim_library *library, struct nspr_file *model,
                                    struct nspr_file *file);
    /* The program is about to call SSL_ResetHandshake. */
    void (*nss_handshake_reset)(struct shim_library *library, struct nspr_file *file,
                                bool as_server);
    /* SSL_ReconfigFD has given the socket the model's settings. */
    void (*nss_reconfigured)(struct shim_library *library, struct nspr_file *model,
                             struct nspr_file *file);
    /* The program has given the socket ECHConfigs of its own, or has taken them away. */
    void (*nss_own_ech)(struct shim_library *library, struct nspr_file *file, bool has);
    /* The program has switched NSS's GREASE on or off. */
    void (*nss_own_grease)(struct shim_library *library, struct nspr_file *file, bool enabled);
    /* The program carries TLS's records by itself (QUIC): not ours. */
    void (*nss_own_records)(struct shim_library *library, struct nspr_file *file);

    /*
     * For the launcher's supervisor, which is a stub of its own for programs that the engine is not
     * in. Any number of threads may call these, and they may wait for the network.
     *
     * give_config: decides about one handshake, looks the config up, and asks the server whether it
     * accepts this config before it gives it for the first time. config_rejected: a server rejected
     * a config that was given for this name, so it has to be asked again.
     */
    void (*give_config)(const struct shim_config_question *question,
                        struct shim_given_config *given);
    void (*config_rejected)(const char *server_name);
    /* Sends a DNS query of the program, of any type, to the encrypted resolver of its name, and
     * writes the response. Names that have a meaning only in this network do not exist there.
     * `datagram`: a response that is longer than the query allows over UDP is cut (RFC
     * 6891, 6.2.3). 0: it is no query, or there is no room for a response. */
    size_t (*answer_query)(const uint8_t *query, size_t length, bool datagram, uint8_t *out,
                           size_t size);
};

/*
 * The engine's only export. NULL: the versions differ, or it cannot start. The stub must outlive
 * it. Until it has started, the stub calls it again, a second later at the earliest.
 */
const struct shim_engine *shim_engine_start(const struct shim_stub *stub);

#endif
