/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place where it is decided what becomes of a connection (docs/architecture.md, Decisions).
 * Pure: facts in, decision out.
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
    bool library_supported; /* the TLS library takes the inner marker and a filter */
    bool tls13;             /* it can do TLS 1.3 on this connection */
    bool ech_failed; /* an attempt with ECH to this name (or, without a name, this address) failed,
                        and its config has not expired: shim/downgrade */
    bool name;       /* the application sends server_name, and it is a host name */
    bool grease;     /* ECHSHIM_GREASE */
    bool locked_in;  /* the program has locked itself in (seccomp), and no config is set by hand:
                        nothing can be looked up */
    /* Of the search. */
    bool all_have_ech;  /* all endpoints of the name have ech: nothing but them may be connected to,
                           and nothing said without ECH (RFC 9848, 5.1) */
    bool dns_protected; /* whoever was asked cannot be impersonated */
    enum dns_reason dns_reason; /* of SHIM_SEARCH_NO_RECORD and SHIM_SEARCH_FAILED, where DNS was
                                   asked; else DNS_REASON_OK */
};

/* What the search for an ECHConfig gave. */
enum shim_config_search_result {
    SHIM_SEARCH_USABLE,       /* a suitable ECHConfig is at hand, for where the connection leads */
    SHIM_SEARCH_NO_RECORD,    /* the name has no HTTPS record, or none with ech */
    SHIM_SEARCH_UNUSABLE,     /* there are ECHConfigs, none of them suitable */
    SHIM_SEARCH_DISABLED,     /* an earlier attempt found ECH securely disabled */
    SHIM_SEARCH_FAILED,       /* the look-up failed */
    SHIM_SEARCH_BAD_SETTINGS, /* resolver or config list cannot be used */
    SHIM_SEARCH_PRIVATE_NAME, /* not asked: the name means something in this network only */
    SHIM_SEARCH_PRIVATE_ADDRESS, /* the peer's address is private, and the resolver that gave the
                                    ECHConfig does not know it for this name */
    SHIM_SEARCH_TUNNEL, /* not asked: a proxy resolves this name, and the resolver here is one
                           that others can listen to (RFC 9460, 3.2) */
    SHIM_SEARCH_UNREDIRECTABLE, /* ech is there, but for an endpoint to which this connection cannot
                              be led, for a reason within this machine */
    SHIM_SEARCH_UNREACHABLE, /* the same, because no such endpoint answers: an attacker can do that
                              */
};

enum shim_action {
    SHIM_ACTION_IGNORE, /* not our business: no report either */
    SHIM_ACTION_SEARCH, /* only from shim_policy_begin: look for an ECHConfig, then ask
                           shim_policy_decide */
    SHIM_ACTION_PLAIN,  /* the application's own hello goes out as it is */
    SHIM_ACTION_GREASE, /* the same, with a GREASE extension (RFC 9849, 6.2) */
    SHIM_ACTION_OFFER,  /* ECH */
    SHIM_ACTION_REFUSE, /* the application gets a TLS error before any octet of a hello is sent */
};

/* A decision with the word for it in the report line; static storage, NULL if there is nothing to
 * say. */
struct shim_decision {
    enum shim_action action;
    const char *reason;
};

/* What is known when a server rejected ECH. */
struct shim_policy_rejection {
    enum shim_mode mode;
    bool retry;                /* ECHSHIM_RETRY */
    unsigned retries;          /* made on this handshake so far */
    bool authenticated;        /* the server proved to be public_name; else nothing below counts */
    bool disabled;             /* ECH is securely disabled (RFC 9849, 6.1.6) */
    bool usable_config;        /* else: the retry_configs hold a suitable one */
    const char *no_connection; /* why no new connection can be made in place, or NULL if it can */
};

enum shim_answer {
    SHIM_ANSWER_RETRY,   /* a new connection, the same inner hello under the retry_configs */
    SHIM_ANSWER_DISABLE, /* a new connection, without ECH */
    SHIM_ANSWER_GIVE_UP, /* the application gets an error */
};

struct shim_rejection_decision {
    enum shim_answer answer;
    const char *reason; /* of SHIM_ANSWER_GIVE_UP */
    bool
        remember; /* what the server said is for the application's next attempt (RFC 9849, 6.1.8) */
};

struct shim_rejection_decision shim_policy_rejected(const struct shim_policy_rejection *rejection);

/* May the look-up of a name keep the program for as long as its own bound says? Else the program
 * goes on without the records after a moment. Looks at mode, dns_protected and ech_failed. */
bool shim_policy_waits_for_records(const struct shim_policy_facts *facts);

/* Before anything is looked up. */
struct shim_decision shim_policy_begin(const struct shim_policy_facts *facts);
/* After the search that SHIM_ACTION_SEARCH asked for. */
struct shim_decision shim_policy_decide(const struct shim_policy_facts *facts,
                                        enum shim_config_search_result search);

#endif
