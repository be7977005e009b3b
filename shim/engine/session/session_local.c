/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session whose TLS library has an ECH client of its own: the library seals its hello to a local
 * config, and the exchange opens it.
 */
#include "shim/common/hold.h"
#include "shim/engine/base/section.h"
#include "shim/engine/session/local_key.h"
#include "shim/engine/session/session_state.h"

/* RFC 6761, 6.4: never a name of anybody. No hello with it leaves: the session refuses. */
static const char no_public_name[] = "refused.invalid";

/* It runs on a stack of its own, because the first call makes the key pair. It never waits, so this
 * struct may lie on the program's stack. */
struct preparing {
    struct shim_work work;
    struct shim_session *session;
    struct bytes list;
    bool prepared;
};

static void run_preparing(struct shim_work *work)
{
    struct preparing *preparing = (struct preparing *)work;
    struct shim_session *session = preparing->session;
    const struct ech_config *config = &session->found.choice.config;
    struct ech_local_key key;
    bool offers = session->decision.action == SHIM_ACTION_OFFER;
    if (!shim_local_key_copy(&key)) {
        return;
    }
    /* The name and the length of the real config: programs that ask their library for the outer
     * name get the right one, and the library pads as the server asked for. */
    preparing->prepared =
        ech_exchange_use_local_config(
            session->exchange, &key,
            offers ? config->public_name : bytes_of(no_public_name, sizeof no_public_name - 1),
            offers ? config->maximum_name_length : 0, &preparing->list) == ECH_OK;
    ech_local_key_wipe(&key);
}

static void drop_preparing(struct shim_work *work)
{
    (void)work;
}

bool shim_session_local_config(struct shim_session *session, struct bytes *ech_config_list)
{
    struct shim_hold hold;
    struct preparing preparing = {.work = {.run = run_preparing, .drop = drop_preparing},
                                  .session = session};
    session->local_config = true;
    shim_hold_begin(&hold);
    bool prepared = shim_section_run(&preparing.work) && preparing.prepared;
    shim_hold_end(&hold);
    *ech_config_list = preparing.list;
    return prepared;
}
