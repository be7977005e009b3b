/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name in ClientHelloOuter, where the user has chosen another than the config's public_name.
 *
 * RFC 9849, 6.1, says that public_name SHOULD stand there, and 6.1.7 that a rejection MUST be
 * authenticated for public_name. The server sees the other name and may show the certificate of
 * that one. So a certificate counts only if it is for both: for public_name, since only its owner
 * may say what the keys are; for the outer name, since it is what the server was asked for.
 */
#ifndef SHIM_ENGINE_SESSION_OUTER_NAME_H
#define SHIM_ENGINE_SESSION_OUTER_NAME_H

#include "shim/engine/session/session_state.h"

/* The user's name for this session; empty: public_name. The host's own name is never given, for
 * ECH is to hide it. Borrowed from the settings. */
struct bytes shim_session_outer_name(const struct shim_session *session);

/* Logs, once in the process, what the setting costs. */
void shim_session_warn_of_outer_name(void);

#endif
