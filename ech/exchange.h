/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One hello exchange of a client as a state machine without I/O (docs/architecture.md, The idea):
 * the application's TLS library makes ClientHelloInner, this machine replaces it by
 * ClientHelloOuter and decides from ServerHello whether ECH was accepted.
 *
 * An adapter feeds it with what the TLS library writes (TLS records) and with what the network
 * delivers, and carries its output to the other side. The machine takes every octet it is given and
 * never blocks. After the ServerHello it is done and passes octets through unchanged.
 *
 * When ClientHelloInner has come from the application: ECH_EVENT_NEED_CONFIG, once; the caller
 * answers with ech_exchange_offer or ech_exchange_refuse. When ServerHello has come from the
 * network: ECH_EVENT_ACCEPTED, or ECH_EVENT_FAILED with a reason. After a rejection an outer
 * handshake follows; if it authenticates the server: ECH_EVENT_REJECTED. Then the caller sends what
 * waits for the network, makes a new connection and answers with ech_exchange_retry or
 * ech_exchange_disable, or gives up with ech_exchange_give_up.
 *
 * After ECH_EVENT_FAILED the application reads one fatal alert, made by the machine (ech_required,
 * 121). If the server sent an alert before ServerHello, the application reads that one, and ours
 * after it if that was not fatal. All that the application writes from then on is dropped: no part
 * of a hello can reach the network. If an outer hello was sent, to_net may hold the fatal alert
 * that the RFCs ask for. The event comes once; later calls return ECH_EVENT_NONE.
 *
 * An alert from the application passes, unless a part of a hello is withheld. After
 * ClientHelloOuter, change_cipher_spec passes, and early data if the hello offered it. Anything
 * else in the clear is ECH_FAILURE_UNEXPECTED.
 */
#ifndef ECH_EXCHANGE_H
#define ECH_EXCHANGE_H

#include "ech/client_facing.h"
#include "ech/config.h"
#include "ech/crypto.h"
#include "ech/hello_sizes.h"
#include "ech/local_config.h"
#include "ech/ordinary.h"
#include "ech/outer_handshake.h"
#include "ech/program_keys.h"
#include "ech/wire.h"

/* RFC 9849: what became of ECH in this handshake. */
enum ech_state {
    ECH_STATE_NONE,
    ECH_STATE_GREASE,
    ECH_STATE_OFFERED,
    ECH_STATE_ACCEPTED,
    ECH_STATE_REJECTED
};

enum ech_event {
    ECH_EVENT_NONE,
    ECH_EVENT_NEED_CONFIG, /* ClientHelloInner is whole: ech_exchange_server_name tells its
                              server_name */
    ECH_EVENT_ACCEPTED,
    ECH_EVENT_REJECTED, /* by an authenticated server, or it has to be asked anew: see
                           ech_exchange_rejection */
    ECH_EVENT_FAILED,   /* ech_exchange_failure tells why */
};

/* Why an exchange failed. Fixed words for the report by ech_failure_name. */
enum ech_failure {
    ECH_FAILURE_NONE,
    ECH_FAILURE_REFUSED, /* by ech_exchange_refuse: policy, not protocol */
    ECH_FAILURE_INNER,   /* the application's hello may not be a ClientHelloInner (RFC 9849, 6.1) */
    ECH_FAILURE_TOO_LARGE,    /* the payload would be longer than servers accept */
    ECH_FAILURE_REJECTED,     /* the server answered ClientHelloOuter (6.1.4), and the outer
                                 handshake could not be finished, or led nowhere */
    ECH_FAILURE_TLS12,        /* the server chose a version that the outer hello does not offer,
                                 one below TLS 1.2, or TLS 1.2 after early data: rejected as well */
    ECH_FAILURE_ALERT,        /* an alert came before ServerHello */
    ECH_FAILURE_SERVER_HELLO, /* a malformed or illegal ServerHello or HelloRetryRequest */
    ECH_FAILURE_CONFIRMATION, /* HelloRetryRequest confirmed, ServerHello did not (6.1.5) */
    ECH_FAILURE_UNEXPECTED,   /* records that are not allowed here */
    ECH_FAILURE_CLOSED,       /* the connection ended before ServerHello: ech_exchange_net_closed */
    ECH_FAILURE_INTERNAL,     /* memory, randomness, cryptography */
    /* The server rejected ECH, and in the outer handshake (6.1.6) */
    ECH_FAILURE_OUTER_ALERT,       /* sent an alert */
    ECH_FAILURE_OUTER_PROTOCOL,    /* broke a rule */
    ECH_FAILURE_OUTER_CERTIFICATE, /* could not prove that it is public_name */
    ECH_FAILURE_OUTER_SUITE,       /* chose a cipher suite of TLS 1.2 that we do not have */
    ECH_FAILURE_OUTER_CLOSED,      /* closed the connection */
};
const char *ech_failure_name(enum ech_failure failure);

/* How to make key_share (see ech/outer.h); AUTO decides by known keys, size and groups. */
enum ech_key_share_rule { ECH_KEY_SHARE_AUTO, ECH_KEY_SHARE_OWN, ECH_KEY_SHARE_SHARED };

struct ech_exchange_options {
    struct ech_random random;     /* must stay usable while the exchange lives */
    struct ech_hello_sizes sizes; /* of the TLS library */
    /* A hello is padded as if its pre_shared_key extension had this many octets or more. */
    size_t least_pre_shared_key;
    /* It is padded as if its ALPN list had so many octets, without their count: as many as GREASE
     * would count with. */
    size_t alpn;
    enum ech_key_share_rule key_share_rule;
    /* Of the application's key_share; must stay usable while the exchange lives. It is asked when
     * an offer is made, and after a rejection. */
    struct ech_program_keys program_keys;
    /* Must stay usable while the exchange lives; or see ech_exchange_use_ordinary. */
    struct ech_ordinary_hello ordinary;
    /* The server_name of ClientHelloOuter, which must stay usable while the exchange lives; empty:
     * public_name. A rejection is authenticated for public_name all the same (RFC 9849, 6.1.7): the
     * verifier may ask for more. */
    struct bytes outer_name;
    /* Authenticates public_name after a rejection. Without functions, and with a shared key_share,
     * no outer handshake follows: a rejection is ECH_FAILURE_REJECTED. */
    struct ech_outer_verifier verifier;
    /* For a Certificate in that handshake that the server has compressed. */
    struct ech_decompressor decompressor;
};

struct ech_exchange;

/* The caller owns *exchange: ech_exchange_free. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_exchange_new(struct ech_exchange **exchange,
                                              const struct ech_exchange_options *options);
/* As they were given, but without the lists of the ordinary hello. */
struct ech_exchange_options ech_exchange_get_options(const struct ech_exchange *exchange);
/* Wipes and frees; NULL is fine. */
void ech_exchange_free(struct ech_exchange *exchange);

/*
 * For a TLS library with an ECH client of its own: makes the ECHConfigList that the library gets in
 * place of the server's. From now on the application's hellos are ClientHelloOuters that the
 * library sealed to this list. The machine opens them, and goes on with ClientHelloInner as with
 * every other library. A hello that does not open is ECH_FAILURE_INNER. Call once, before the first
 * octet from the application. *ech_config_list is borrowed until ech_exchange_free. ECH_ERR_SPACE:
 * no public_name, or a longer one than 255 octets; ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_exchange_use_local_config(struct ech_exchange *exchange,
                                                           const struct ech_local_key *key,
                                                           struct bytes public_name,
                                                           uint8_t maximum_name_length,
                                                           struct bytes *ech_config_list);

/*
 * Before the hello comes from the application: its library was seen to seal it to the server's
 * ECHConfig in place of the local one, which has the same config_id. The caller has to know that,
 * for the machine cannot check it. If an offer to that very ECHConfig would look just like the
 * library's ClientHelloOuter, that one goes out as it is. Otherwise the machine seals the hello
 * itself. A second hello after such a first one has to be seen, too. Copied.
 */
void ech_exchange_library_sealed(struct ech_exchange *exchange,
                                 const struct ech_seen_sealing *seen);

/*
 * What the application's ordinary hello lists; copied. ClientHelloOuter then lists the same. Call
 * before the first octet from the application: later calls change nothing. Without memory it counts
 * as not known.
 */
void ech_exchange_use_ordinary(struct ech_exchange *exchange,
                               const struct ech_ordinary_hello *ordinary);

/* Takes all of `in`: TLS records, split in any way, as the TLS library writes them. */
enum ech_event ech_exchange_from_app(struct ech_exchange *exchange, struct bytes in);
/*
 * Takes all of `in`, from the network, split in any way. A caller that reads no more than
 * ech_exchange_net_wanted octets at a time never takes an octet from the transport that comes after
 * the record that holds the end of ServerHello.
 */
enum ech_event ech_exchange_from_net(struct ech_exchange *exchange, struct bytes in);
/* The transport ended (end of file or a hard error). ECH_EVENT_FAILED if no ServerHello was seen,
 * else ECH_EVENT_NONE. */
enum ech_event ech_exchange_net_closed(struct ech_exchange *exchange);
/* How many octets complete the record header or record in hand; 0 once the exchange is done. */
size_t ech_exchange_net_wanted(const struct ech_exchange *exchange);
/* Would this many octets from the network only complete a part of a record, and be kept? */
bool ech_exchange_net_gathers(const struct ech_exchange *exchange, size_t octets);

/* What waits for the network and for the application; borrowed until the next call. */
struct bytes ech_exchange_to_net(const struct ech_exchange *exchange);
void ech_exchange_net_took(struct ech_exchange *exchange, size_t octets);
struct bytes ech_exchange_to_app(const struct ech_exchange *exchange);
void ech_exchange_app_took(struct ech_exchange *exchange, size_t octets);

/*
 * The answers to ECH_EVENT_NEED_CONFIG. offer seals ClientHelloInner with the chosen config
 * (copied) and queues ClientHelloOuter; ECH_EVENT_FAILED if that fails. refuse fails the exchange
 * with ECH_FAILURE_REFUSED before anything was sent.
 */
enum ech_event ech_exchange_offer(struct ech_exchange *exchange,
                                  const struct ech_config_choice *choice);
enum ech_event ech_exchange_refuse(struct ech_exchange *exchange);

/* What the server said with its rejection (RFC 9849, 6.1.6). */
struct ech_rejection {
    bool probe;    /* not known yet: the server answered a key_share of the inner hello whose key is
                      not known, so it must be asked on another connection (ech/probe.h); then nothing
                      below holds */
    bool disabled; /* no config of a version of ours: ECH is securely disabled */
    bool tls12; /* disabled, and the server speaks TLS 1.2: ClientHelloInner, which offers TLS 1.3
                   alone, is no use to it */
    struct bytes retry_configs; /* else an ECHConfigList; borrowed until the answer */
};
/* Valid from ECH_EVENT_REJECTED until it is answered. */
void ech_exchange_rejection(const struct ech_exchange *exchange, struct ech_rejection *rejection);
/*
 * The answers to ECH_EVENT_REJECTED. First send what waited for the network, or give it up, and
 * replace the transport by a new one. retry seals the same ClientHelloInner anew and queues it, and
 * after it the early data that the application had sent. disable queues ClientHelloInner in the
 * clear; from then on all octets pass. give_up fails the exchange with ECH_FAILURE_REJECTED.
 */
enum ech_event ech_exchange_retry(struct ech_exchange *exchange,
                                  const struct ech_config_choice *choice);
enum ech_event ech_exchange_disable(struct ech_exchange *exchange);
enum ech_event ech_exchange_give_up(struct ech_exchange *exchange);
/* If a probe is needed: the handshake message for it (ech_probe_hello), with public_name of the
 * offer. The caller owns the writer. */
ECH_MUST_USE enum ech_status ech_exchange_probe_hello(const struct ech_exchange *exchange,
                                                      struct writer *message);

/* server_name of ClientHelloInner, borrowed; empty if it has none. Valid from ECH_EVENT_NEED_CONFIG
 * on. */
struct bytes ech_exchange_server_name(const struct ech_exchange *exchange);

/* True once ServerHello was judged and no rejection waits for an answer, or once the exchange
 * failed. to_app and to_net may still hold octets. */
bool ech_exchange_done(const struct ech_exchange *exchange);
/* True when done, accepted or disabled, and nothing is held: the adapter may leave the data path.
 */
bool ech_exchange_drained(const struct ech_exchange *exchange);

enum ech_failure ech_exchange_failure(const struct ech_exchange *exchange);

/* Facts for the report. */
struct ech_exchange_facts {
    enum ech_state state;
    bool hello_retry_request;
    bool shared_key_share;    /* the outer hello has the inner's */
    size_t hello_bytes_inner; /* the first ClientHelloInner with its handshake header, octets */
    size_t hello_bytes_outer; /* the same of the first ClientHelloOuter, of the newest offer */
    unsigned retries;         /* answers by ech_exchange_retry */
    uint8_t outer_random[32]; /* client random of the outer hello, once offered */
    uint8_t inner_random[32]; /* that of the inner hello, from ECH_EVENT_NEED_CONFIG on */
};
void ech_exchange_get_facts(const struct ech_exchange *exchange, struct ech_exchange_facts *facts);

#endif
