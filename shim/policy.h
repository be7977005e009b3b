/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place where it is decided what becomes of a connection (design, section 6). Pure: facts
 * in, decision out.
 */
#ifndef SHIM_POLICY_H
#define SHIM_POLICY_H

#include <stdbool.h>

#include "shim/mode.h"

/* What is known of a connection before its ClientHello is made. */
struct shim_policy_facts {
    enum shim_mode mode;
    bool port_watched;
    bool quic;              /* or DTLS: no records that a filter could see */
    bool library_supported; /* the TLS library takes the inner marker and a filter */
    bool tls13;             /* it can do TLS 1.3 on this connection */
    bool name;              /* the application sends server_name, and it is a DNS host name */
    bool grease;            /* ECHSHIM_GREASE */
};

/* What the search for an ECHConfig gave. */
enum shim_search {
    SHIM_SEARCH_USABLE,    /* a suitable ECHConfig is at hand */
    SHIM_SEARCH_NO_RECORD, /* the name has no HTTPS record, or none with ech */
    SHIM_SEARCH_ELSEWHERE, /* ech is there, but for an endpoint that the connection does not lead to
                            */
    SHIM_SEARCH_UNUSABLE,  /* there are ECHConfigs, none of them suitable */
    SHIM_SEARCH_FAILED,    /* the look-up failed; its own reason goes to the report */
    SHIM_SEARCH_BAD_SETTINGS, /* resolver or config list cannot be used */
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

/* Before anything is looked up. */
struct shim_decision shim_policy_begin(const struct shim_policy_facts *facts);
/* After the search that SHIM_ACTION_SEARCH asked for. */
struct shim_decision shim_policy_decide(const struct shim_policy_facts *facts,
                                        enum shim_search search);

#endif
