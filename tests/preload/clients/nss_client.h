/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_NSS_CLIENT_H
#define TESTS_PRELOAD_CLIENTS_NSS_CLIENT_H

/* What the files of the NSS client share. */

#include "client.h"

#include <nss.h>
#include <prio.h>
#include <ssl.h>

void fail_nss(const char *what) __attribute__((noreturn));

/* Starts NSS without a database of its own, and trusts the target's authority. */
void start_nss(const struct target *target);

/* A connected TCP socket of NSPR's, without TLS. */
PRFileDesc *dial_nspr(const struct target *target);
/* TLS on the top of a stack: of these settings, for the target's name, as a client. */
PRFileDesc *import_tls(PRFileDesc *model, PRFileDesc *file, const struct target *target);
void name_server(PRFileDesc *file, const struct target *target);

/* Request and response; either may begin the handshake. */
void send_request(PRFileDesc *file, const struct target *target);
void read_response(PRFileDesc *file, const struct target *target);
/* The same for a socket that does not block: waits by PR_Poll. */
void send_request_polling(PRFileDesc *file, const struct target *target);
void read_response_polling(PRFileDesc *file, const struct target *target);
void set_nonblocking(PRFileDesc *file);
void finish_handshake(PRFileDesc *file);

/* A whole fetch with a new connection. */
void fetch_plainly(const struct target *target);

/* nss_many.c */
void run_resume(const struct target *target);
void run_early(const struct target *target);
void run_threads(const struct target *target);
void run_fork(const struct target *target);
void run_endurance(const struct target *target);
void run_attempts(const struct target *target);

/* nss_stacks.c: other layers, other sockets */
void run_own_layer(const struct target *target);
void run_dribble(const struct target *target);
void run_stutter(const struct target *target);
void run_stack_head(const struct target *target);
void run_layer_above(const struct target *target);
void run_model(const struct target *target);
void run_model_after_use(const struct target *target);
void run_reconfigured(const struct target *target);
void run_copied_descriptor(const struct target *target);
void run_own_poll(const struct target *target);
void run_datagrams(const struct target *target);

#endif
