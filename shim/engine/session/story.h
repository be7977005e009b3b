/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The story of a handshake, for ECHSHIM_LOG=debug: a line for each step, with its reason. Every
 * line begins with the number of the handshake in this process and the name. At other levels these
 * functions return at once: session->story is 0 then. They ask for no memory, tell no key, and show
 * octets that a terminal would act on as '?'. The lines of one handshake are bounded, whatever
 * records and lists hold.
 */
#ifndef SHIM_ENGINE_SESSION_STORY_H
#define SHIM_ENGINE_SESSION_STORY_H

#include "shim/engine/endpoint/peer.h"
#include "shim/engine/session/session_state.h"

/* A handshake begins: who makes it, and where its connection leads. */
void shim_story_begin(struct shim_session *session, const struct shim_peer *peer);
/* The search has ended: whom it asked, what came, which config is used and why not the others, and
 * where the connection leads now. */
void shim_story_search(const struct shim_session *session);
/* The decision, before a hello is made. */
void shim_story_decision(const struct shim_session *session);
/* ClientHelloOuter was made: sizes, and for whom it is sealed. */
void shim_story_offer(const struct shim_session *session, bool prepared);

/* What the shim knows of a rejection. */
struct shim_story_rejection {
    bool probed;      /* the server was asked on another connection */
    bool known;       /* it proved to be the public name */
    bool disabled;    /* it has no ECH any more */
    bool same_config; /* another server of the fleet takes the config */
    struct bytes retry_configs;
    struct shim_rejection_decision decision;
};
void shim_story_rejected(const struct shim_session *session,
                         const struct shim_story_rejection *rejection);
/* A new connection was made under the program's descriptor after a rejection. */
void shim_story_reconnected(const struct shim_session *session, enum shim_answer answer);
/* The outcome. */
void shim_story_outcome(const struct shim_session *session);

#endif
