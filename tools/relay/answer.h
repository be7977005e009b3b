/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake with the program, as the server that it asked for. */
#ifndef TOOLS_RELAY_ANSWER_H
#define TOOLS_RELAY_ANSWER_H

#include "ech/wire.h"
#include "tools/relay/authority.h"
#include "tools/relay/end.h"

struct relay_answer {
    struct relay_end *program;
    struct bytes replay; /* octets that were read from the socket before */
};

/* Prepares it. `protocol`: what the real server chose (RFC 7301), empty for none. `ask`: the
 * program is asked for a certificate, as the real server did. The answer is borrowed until the
 * session ends. */
bool relay_answer_begin(struct relay_answer *answer, const struct relay_leaf *leaf,
                        const gnutls_datum_t *protocol, bool ask);

/* One step: GnuTLS's result. GNUTLS_E_AGAIN: the end wants something. */
int relay_answer_step(struct relay_answer *answer);

/* After the handshake: has the program shown a certificate? */
bool relay_answer_has_certificate(const struct relay_answer *answer);

#endif
