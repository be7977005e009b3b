/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server said with a rejection, kept for later connections. */
#include "shim/engine/config/rejection_share.h"
#include "shim/engine/session/session_state.h"

/* Servers change their keys about every hour: a rejection is remembered no longer. */
enum { REMEMBERED_SECONDS_MAX = 3600 };

uint32_t shim_session_source(const struct shim_session *session, char endpoint[SHIM_ENDPOINT_SIZE],
                             struct shim_rejection_source *source)
{
    shim_found_source(&session->found, shim_engine_lookup(&session->host_settings), session->host,
                      session->origin_port, endpoint, source);
    return session->found.ttl < REMEMBERED_SECONDS_MAX ? session->found.ttl
                                                       : REMEMBERED_SECONDS_MAX;
}

void shim_session_keep_list(const struct shim_session *session)
{
    char endpoint[SHIM_ENDPOINT_SIZE];
    struct shim_rejection_source source;
    if (session->report.retries == 0 || shim_state()->stub->locked() ||
        !shim_policy_keeps_retry_configs(session->found.by_hand) ||
        bytes_equal(session->found.ech_config_list, session->found.given_list)) {
        return;
    }
    uint32_t seconds = shim_session_source(session, endpoint, &source);
    shim_rejection_cache_put(&source, session->found.ech_config_list, shim_state()->io->now_us(),
                             (uint64_t)seconds * 1000000);
    shim_rejection_share_put_list(shim_engine_lookup(&session->host_settings), &source,
                                  session->found.ech_config_list, seconds);
}
