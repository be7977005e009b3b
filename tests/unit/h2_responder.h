/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resolver of DNS over HTTP/2 in threads (tls_responder.h). A function of the test decides what
 * it does with each request.
 */
#ifndef TESTS_UNIT_H2_RESPONDER_H
#define TESTS_UNIT_H2_RESPONDER_H

#include "tests/unit/tls_responder.h"

enum act {
    REPLY,
    DROP,    /* no answer */
    RESET,   /* RST_STREAM with REFUSED_STREAM, then GOAWAY at the latest */
    CANCEL,  /* RST_STREAM with INTERNAL_ERROR */
    GO_AWAY, /* without an answer, as if sent before the request */
    REPLY_THEN_GO_AWAY,
    GO_AWAY_LATER,    /* says that it will leave, but answers what is on its way */
    GO_AWAY_AND_HANG, /* the same, without the answer */
    HALF_BODY,        /* and then RST_STREAM */
    GARBAGE,          /* no frames at all */
    HALF_CLOSE,       /* close_notify, no answer */
};

/* What is being sent. */
struct sending {
    struct writer body;
    size_t at;
    bool half;
};

struct request {
    struct sending sending;
    struct request *next; /* of the connection */
    int32_t id;
    unsigned number;     /* of all requests */
    unsigned connection; /* number of connections before its own */
    char fields[1024];   /* "name: value\n" */
    uint8_t body[65535];
    size_t body_len;
};

struct reply {
    enum act act;
    const char *status;       /* "200" */
    const char *content_type; /* application/dns-message */
    const char *age;
    const char *location;
    bool wrong_question;
    size_t pad; /* octets behind the message */
};

typedef void decide(const struct request *request, struct reply *reply);

/* The last one that came. */
extern struct request h2_last_request;

/* A server and a channel to it by the name dns.test; NULL: it answers every request. */
void h2_start(decide *how);
/* The same, on one connection, for a server that the test starts. */
tls_serve h2_serve;

#endif
