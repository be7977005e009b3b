/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only place that decides what becomes of a connection (docs/architecture.md, Decisions). Pure:
 * facts in, decision out.
 */
#ifndef SHIM_ENGINE_POLICY_POLICY_H
#define SHIM_ENGINE_POLICY_POLICY_H

#include <stdbool.h>

#include "dns/answer.h"
#include "shim/common/mode.h"

/* What is known of a connection before its ClientHello is made. */
struct shim_policy_facts {
    enum shim_mode mode;
    bool port_watched;
    bool quic;              /* or DTLS: no records that a filter could see */
    bool library_supported; /* the TLS library can send the inner marker and takes a filter */
    bool tls13;             /* the library can do TLS 1.3 on this connection */
    bool ech_failed; /* an attempt with ECH for this name (without a name: this address) failed, and
                        its config has not expired: shim/engine/policy/downgrade.h */
    /* Of a TLS library with an ECH client of its own (struct shim_session_facts): */
    bool spent;
    bool own_ech;
    bool own_grease;
    bool own_extension;
    bool name;       /* the application sends server_name, and it is a host name */
    bool every_name; /* the settings hold an ECHConfigList for every name, which serves a hello
                        without server_name too */
    bool grease;     /* ECHSHIM_GREASE */
    bool locked_in;  /* the program has locked itself in (seccomp) and no config is set by hand, so
                        nothing can be looked up */
    /* What the search found. */
    bool all_have_ech;  /* all endpoints of the name have ech: connect only to them, and never
                           without ECH (RFC 9848, 5.1) */
    bool dns_protected; /* the resolver's answers are authenticated */
    enum dns_reason dns_reason; /* for SHIM_SEARCH_NO_RECORD and SHIM_SEARCH_FAILED, if DNS was
                                   asked; else DNS_REASON_OK */
};

/* The result of the search for an ECHConfig. */
enum shim_config_search_result {
    SHIM_SEARCH_USABLE,          /* a suitable ECHConfig for the endpoint of the connection */
    SHIM_SEARCH_NO_RECORD,       /* the name has no HTTPS record, or none with ech */
    SHIM_SEARCH_UNUSABLE,        /* there are ECHConfigs, but none is suitable */
    SHIM_SEARCH_DISABLED,        /* an earlier attempt found ECH securely disabled */
    SHIM_SEARCH_FAILED,          /* the look-up failed */
    SHIM_SEARCH_BAD_SETTINGS,    /* the resolver or the config list that is set cannot be used */
    SHIM_SEARCH_PRIVATE_NAME,    /* not looked up: the name has a meaning only in this network */
    SHIM_SEARCH_PRIVATE_ADDRESS, /* the peer's address is private, and the resolver that gave the
                                    ECHConfig does not know it for this name */
    SHIM_SEARCH_TUNNEL, /* not looked up: a proxy resolves this name, and others can listen to the
                           resolver here (RFC 9460, 3.2) */
    SHIM_SEARCH_UNREDIRECTABLE, /* there is ech, but something in this machine keeps the connection
                                   from its endpoint */
    SHIM_SEARCH_UNREACHABLE,    /* there is ech, but its endpoint does not answer, which an attacker
                                   can cause */
};

enum shim_action {
    SHIM_ACTION_IGNORE, /* not our business, so no report either */
    SHIM_ACTION_SEARCH, /* only from shim_policy_begin: look for an ECHConfig, then ask
                           shim_policy_decide */
    SHIM_ACTION_PLAIN,  /* the application's own hello leaves as it is */
    SHIM_ACTION_GREASE, /* the same, with a GREASE extension (RFC 9849, 6.2) */
    SHIM_ACTION_OFFER,  /* offer ECH */
    SHIM_ACTION_REFUSE, /* the application gets a TLS error before any octet of a hello is sent */
};

/* A decision, with the word for the report; static storage, NULL if there is none. */
struct shim_decision {
    enum shim_action action;
    const char *reason;
};

/* What is known when a server rejected ECH. */
struct shim_policy_rejection {
    enum shim_mode mode;
    bool retry;         /* ECHSHIM_RETRY */
    unsigned retries;   /* made on this handshake so far */
    bool authenticated; /* the server proved to be public_name; if not, nothing below counts */
    bool disabled;      /* ECH is securely disabled (RFC 9849, 6.1.6) */
    bool library_ech;   /* the TLS library has an ECH client of its own, which takes a handshake
                           without ECH for a rejection */
    bool tls12;         /* disabled, and the server speaks TLS 1.2, which no ClientHelloInner offers
                         */
    bool usable_config; /* or else: the retry_configs hold a suitable config */
    const char *no_connection; /* why no new connection can be made in place; NULL: it can */
};

enum shim_answer {
    SHIM_ANSWER_RETRY,   /* a new connection, the same inner hello under the retry_configs */
    SHIM_ANSWER_DISABLE, /* a new connection, without ECH */
    SHIM_ANSWER_GIVE_UP, /* the application gets an error */
};

struct shim_rejection_decision {
    enum shim_answer answer;
    const char *reason; /* of SHIM_ANSWER_GIVE_UP */
    bool remember;      /* remember for the application's next attempt what the server said (RFC
                           9849, 6.1.8) */
};

struct shim_rejection_decision shim_policy_rejected(const struct shim_policy_rejection *rejection);

/*
 * Does the list that a server accepted after its rejection serve later connections to this name
 * too? Such lists are meant for the retry, since a server may give each client another one and so
 * know it again (RFC 9849, 6.1.6). DNS has a newer record soon. But nobody renews a list set by
 * hand: each connection would be rejected first.
 */
bool shim_policy_keeps_retry_configs(bool set_by_hand);

/* May the look-up of a name take until its own time limit? If not, the program goes on without the
 * records after a moment. Looks at mode, dns_protected and ech_failed. */
bool shim_policy_waits_for_records(const struct shim_policy_facts *facts);

/* Call before the look-up. */
struct shim_decision shim_policy_begin(const struct shim_policy_facts *facts);
/* Call after the search that SHIM_ACTION_SEARCH asked for. */
struct shim_decision shim_policy_decide(const struct shim_policy_facts *facts,
                                        enum shim_config_search_result search);

#endif
