/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two files of the server share. */
#ifndef TESTS_UNIT_TLS13_SERVER_PARTS_H
#define TESTS_UNIT_TLS13_SERVER_PARTS_H

#include "tests/unit/tls13_server.h"

/* The hash of all messages so far. */
void tls13_server_transcript_hash(struct tls13_server *server, uint8_t *out);
/* Answers a ClientHello by a HelloRetryRequest, or by everything up to Finished. */
void tls13_server_answer(struct tls13_server *server, struct bytes message);

#endif
