/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One handshake of the application, from the decision to the report line. The adapters (openssl,
 * gnutls) know their library and call this. The protocol is in ech/exchange.h, the decisions are in
 * shim/engine/policy/policy.h.
 */
#ifndef SHIM_ENGINE_SESSION_SESSION_H
#define SHIM_ENGINE_SESSION_SESSION_H

#include "ech/exchange.h"
#include "ech/grease.h"
#include "shim/common/tls_libraries.h"
#include "shim/engine/policy/policy.h"
#include "shim/engine/session/program_keys.h"

struct shim_session;

/* What an adapter knows before the ClientHello is made. */
struct shim_session_facts {
    enum shim_family library;
    const char *library_name; /* for the report; NULL: the family's */
    const char *server_name;  /* NULL or "": none is set. Copied. */
    int fd;                   /* of the transport; -1: hidden */
    uint16_t port;            /* to which an unconnected transport will connect; 0: not known */
    bool quic;
    bool library_supported;
    /* Only of a library with an ECH client of its own: */
    bool spent;         /* this SSL was given a list before: it can make no other handshake */
    bool own_ech;       /* the program has given it ECHConfigs */
    bool own_grease;    /* the program has asked it for GREASE */
    bool own_extension; /* the program adds an extension to the hello, so the library cannot seal */
    bool name_needed;   /* without server_name it does not seal */
    bool reported;      /* another call of this handshake was refused and reported before */
    bool tls13;
    /* What the hello would list without ECH. Empty: as ClientHelloInner. Copied. */
    struct ech_ordinary_hello ordinary;
    bool post_quantum; /* the library's default groups are post-quantum */
    /* Octets of the cipher suites that ClientHelloInner would list. 0: few enough not to count. */
    size_t inner_suites;
    /* The program may offer a PSK of its own, whose length nobody knows before the hello is made:
     * octets that pre_shared_key may have then, at a guess. 0: it has none. */
    size_t pre_shared_key;
    size_t alpn; /* octets of the ALPN list that the program has set, without their count */
    /* For struct ech_hello_sizes. */
    uint8_t library_name_length;
    enum ech_padded_hellos padded;
    bool own_lengths; /* GREASE is the library's own, with lengths as BoringSSL has them */
};

/*
 * Decides what becomes of the handshake. May look the ECHConfig up, and block for as long as the
 * settings allow. Reports a connection that passes without ECH or is refused.
 *
 * On SHIM_ACTION_OFFER and SHIM_ACTION_REFUSE *session has an exchange; for REFUSE it is one that
 * fails as soon as the application wrote its hello. On SHIM_ACTION_GREASE it has none: call only
 * shim_session_grease, shim_session_may_grease, shim_session_is_for and shim_session_free. The
 * caller frees *session in all three cases. For want of memory the action is SHIM_ACTION_REFUSE and
 * *session is NULL. Keeps errno.
 *
 * The caller holds signals back until it has stored *session (shim/engine/base/section.h).
 */
enum shim_action shim_session_begin(struct shim_session **session,
                                    const struct shim_session_facts *facts);
void shim_session_free(struct shim_session *session);

/* The same for a library that cannot have ECH: reports the handshake. False: it must fail. Keeps
 * errno. */
bool shim_session_allows_unsupported(const struct shim_session_facts *facts);

/* Was the decision made for this server name? If not, the handshake needs a new decision. */
bool shim_session_is_for(const struct shim_session *session, const char *server_name);

/*
 * Call right before shim_session_grease: has an attempt with ECH failed since the decision? False:
 * the hello must not be made, which is then reported.
 */
bool shim_session_may_grease(struct shim_session *session);

/*
 * The extension data of GREASE ECH, the same for each hello of the handshake (RFC 9849, 6.2.1). The
 * first call makes and reports them. `pre_shared_key` has the octets of that extension for a
 * resumed session, header and all (0: none is resumed). Empty for want of memory or randomness: the
 * hello is then the application's own. Borrowed from the session.
 */
struct bytes shim_session_grease(struct shim_session *session, size_t pre_shared_key);

/* In place of shim_session_grease, for a library that makes the extension by itself: reports it. */
void shim_session_library_grease(struct shim_session *session);

/* The library is making a ClientHelloInner with this random. From now on the wire guard stops it,
 * wherever its octets turn up. Call before the library can write any of them. */
void shim_session_made_inner(struct shim_session *session, const uint8_t random[32]);

/*
 * The library begins a first ClientHelloInner, or the hello that it seals to a local config: from
 * now on the private keys that it makes are noted (program_keys.h), until shim_session_from_app or
 * shim_session_call_over. Nobody sees the keys of some builds; that changes nothing else. The
 * functions and the library's table stay valid for ever.
 */
void shim_session_keys_watch(struct shim_session *session,
                             const struct shim_key_functions *functions, const void *library);
/* The library may make a second hello now, which it seals itself: what it seals is noted. Does
 * nothing if it does not seal, or if no second hello is awaited. */
void shim_session_may_seal(struct shim_session *session);
/* The program's call ended in which the library may have made a hello. */
void shim_session_call_over(struct shim_session *session);

/*
 * For a TLS library with an ECH client of its own, after SHIM_ACTION_OFFER or SHIM_ACTION_REFUSE:
 * gives the ECHConfigList that the library gets, with a key of ours (ech/local_config.h). It has
 * public_name and maximum_name_length of the server's config. Call once, before the library makes
 * its hello. From then on shim_session_from_app takes ClientHelloOuter, opens it, and all goes on
 * with ClientHelloInner as with every other library. What does not open fails the exchange: nothing
 * of it leaves. Do not call shim_session_made_inner: the session does, once it has opened the
 * hello.
 *
 * The library takes a missing confirmation for a rejection, so securely disabled ECH ends in
 * ech_required; the program's next attempt is without ECH.
 *
 * False: no list, for want of memory or randomness. Then the library must make no hello; if it
 * does, the exchange fails. The list is borrowed until shim_session_free. Keeps errno.
 */
bool shim_session_local_config(struct shim_session *session, struct bytes *ech_config_list);
/* The library makes its hello now. If none comes, the session reports that it could not be sealed.
 */
void shim_session_hello_begins(struct shim_session *session);

/* Takes octets that the TLS library wrote: always all. */
void shim_session_from_app(struct shim_session *session, struct bytes in);
/* Takes octets from the network: always all. */
void shim_session_from_net(struct shim_session *session, struct bytes in);
void shim_session_net_closed(struct shim_session *session);
/* The transport took this many octets of shim_session_to_net. */
void shim_session_net_took(struct shim_session *session, size_t octets);
/*
 * These octets of the library or the session are given to the program's transport now; NULL: there
 * is no session yet. The wire guard then need not ask the kernel what is known. `frame` is
 * SHIM_FRAME_HERE of the caller, who says when the transport has returned.
 */
void shim_session_carry(const struct shim_session *session, struct bytes out, uintptr_t frame);
void shim_session_carried(void);
/*
 * True after a rejection to which a new connection is the answer: call shim_session_reconnect. It
 * puts a new connection over the transport's descriptor (-1: hidden, so it is searched for), or
 * fails the exchange. A transport with a buffer has to drop what it read from the old connection
 * afterwards.
 */
bool shim_session_wants_connection(struct shim_session *session);
void shim_session_reconnect(struct shim_session *session, int fd);
/* Octets that wait for the network, or for the TLS library; borrowed until the next call. */
struct bytes shim_session_to_net(struct shim_session *session);
struct bytes shim_session_to_app(struct shim_session *session);
/* The TLS library took this many octets of shim_session_to_app. */
void shim_session_app_took(struct shim_session *session, size_t octets);
/*
 * The exchange has failed, and has something to tell the server: an alert, or the end of an outer
 * handshake with ech_required (RFC 9849, 6.1.6). The TLS library never asks again once it has read
 * our alert, so the adapter sends this before, as far as the transport takes it at once.
 */
bool shim_session_has_last_words(struct shim_session *session);
/* How many octets from the network the exchange can use now; 0: never any again. */
size_t shim_session_net_wanted(struct shim_session *session);
/* The exchange is over and holds nothing: the adapter may step out of the way. */
bool shim_session_drained(struct shim_session *session);
/* The server answered with a HelloRetryRequest, and the application has to send its second hello.
 * */
bool shim_session_awaits_second_hello(const struct shim_session *session);
/* ECH was securely disabled, and the hello went out in the clear. */
bool shim_session_disabled(const struct shim_session *session);

#endif
