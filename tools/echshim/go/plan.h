/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can the ECH of a Go program's own crypto/tls be switched on from outside, and where? Everything
 * is read from the file itself: its table of functions and its type descriptors. Pure: octets in, a
 * plan out; the octets are not trusted.
 */
#ifndef TOOLS_ECHSHIM_GO_PLAN_H
#define TOOLS_ECHSHIM_GO_PLAN_H

#include "tools/echshim/go/prologue.h"

enum go_way {
    GO_WAY_NONE,    /* not a Go program */
    GO_WAY_NO_TLS,  /* a Go program without crypto/tls */
    GO_WAY_READY,   /* the plan is complete */
    GO_WAY_MACHINE, /* not for this processor */
    GO_WAY_OLD,     /* crypto/tls without ECH */
    GO_WAY_BORING,  /* BoringCrypto does the cryptography */
    GO_WAY_FIPS,    /* it runs with fips140=only, which allows no X25519 */
    GO_WAY_SECOND,  /* another TLS client is in it, and nobody guards that one */
    GO_WAY_UNKNOWN, /* a Go that is not as we know it */
};

enum { GO_NAME_SIZE = 96, GO_VERSION_SIZE = 32 };

/* Addresses are those of the file (tools/echshim/go/image.h). */
struct go_plan {
    bool moves;
    uint64_t start; /* where the program begins (e_entry) */
    struct {
        uint64_t client_handshake; /* crypto/tls.(*Conn).clientHandshake */
        uint64_t client_finished;  /* (*clientHandshakeStateTLS13).sendClientFinished */
        uint64_t system_stack;     /* runtime.systemstack */
        uint64_t new_object;       /* runtime.newobject */
        uint64_t make_slice;       /* runtime.makeslice */
        uint64_t typed_move;       /* runtime.typedmemmove */
    } function;
    struct go_prologue handshake_prologue;
    struct go_prologue finished_prologue;
    struct {
        uint64_t config;  /* tls.Config */
        uint64_t pointer; /* *tls.Config */
        uint64_t octet;   /* uint8 */
        uint64_t tcp;     /* *net.TCPConn; 0: connections cannot be told apart */
        uint64_t inner;   /* net.Conn, an interface */
    } type;
    struct {
        uint64_t config;   /* of Conn */
        uint64_t accepted; /* of Conn: echAccepted */
        uint64_t name;     /* of Config, as all that follow: ServerName */
        uint64_t list;     /* EncryptedClientHelloConfigList */
        uint64_t minimum;  /* MinVersion */
        uint64_t maximum;  /* MaxVersion */
        uint64_t mutex;
        uint64_t connection; /* of Conn: conn, an interface */
        uint64_t network;    /* of TCPConn: a pointer to its net.netFD */
        uint64_t descriptor; /* of netFD: the descriptor */
    } offset;
    uint64_t mutex_size;
    bool only_fips;                /* it was built with fips140=only */
    char version[GO_VERSION_SIZE]; /* "go1.24.4", or empty */
    char found[GO_NAME_SIZE];      /* SECOND and UNKNOWN: the name that decided */
};

/* Reads an executable file. The plan holds no pointer to the octets. */
enum go_way go_plan_read(struct go_plan *plan, const uint8_t *octets, size_t length);

/* Does the program run with fips140=only? What the variable GODEBUG (NULL: not set) says of it
 * comes before what the program was built with; there the last word counts. */
bool go_plan_only_fips(const struct go_plan *plan, const char *variable);

/* Why a Go program cannot be led so, as a sentence without its stop. NULL: NONE and READY. */
const char *go_plan_why(enum go_way way, const struct go_plan *plan, char *out, size_t size);

#endif
