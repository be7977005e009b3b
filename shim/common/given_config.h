/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine gives to a TLS library that has an ECH client of its own, in a process that the
 * engine is not in: Go's crypto/tls (docs/architecture.md, Go programs). The launcher's supervisor
 * asks for it.
 */
#ifndef SHIM_COMMON_GIVEN_CONFIG_H
#define SHIM_COMMON_GIVEN_CONFIG_H

#include "dns/host_name.h"
#include "shim/common/address.h"
#include "shim/common/report.h"

enum shim_asked_connection {
    SHIM_ASKED_UNKNOWN, /* nobody knows where it goes */
    SHIM_ASKED_FRESH,   /* to this peer, and it has carried no octets */
    SHIM_ASKED_USED,    /* it has carried octets, so it may be one through a proxy */
};

/* A handshake that is about to begin. */
struct shim_config_question {
    const char *server_name; /* "": none */
    bool own_list;           /* the program has given ECHConfigs of its own, which are used */
    bool old_only;           /* the program forbids TLS 1.3 */
    enum shim_asked_connection connection;
    struct shim_address peer; /* FRESH */
    uint16_t port;            /* of the peer, host order; FRESH */
};

enum {
    SHIM_GIVEN_LIST_MAX = 2048, /* octets of a list */
    SHIM_GIVEN_TEXT = 256,
};

enum shim_given {
    SHIM_GIVEN_REFUSED, /* the handshake must not happen */
    SHIM_GIVEN_IGNORED, /* it is not our business, so it is not reported either */
    SHIM_GIVEN_PLAIN,   /* it goes on without ECH */
    SHIM_GIVEN_LIST,    /* it goes on with this ECHConfigList, or must fail */
};

struct shim_given_config {
    enum shim_given what;
    /* Everything but "library". Its strings are static, or in this struct. */
    struct shim_report report;
    char host[DNS_HOST_SIZE];
    char resolver[SHIM_GIVEN_TEXT];
    uint8_t list[SHIM_GIVEN_LIST_MAX]; /* exactly one config */
    size_t length;
};

#endif
