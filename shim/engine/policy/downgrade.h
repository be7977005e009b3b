/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The downgrade rule (docs/architecture.md). Programs answer a failed handshake by trying again
 * with less: TLS 1.2, or no server_name. An attacker who can make ECH fail could get the name in
 * the clear that way. So after a failed attempt with ECH, unless ECH was securely disabled, the
 * name gets no handshake without ECH until the ECHConfig has expired; and its address gets none
 * without server_name.
 */
#ifndef SHIM_ENGINE_POLICY_DOWNGRADE_H
#define SHIM_ENGINE_POLICY_DOWNGRADE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/common/address.h"
#include "shim/engine/base/table.h"

/* Seconds. A config set by hand does not expire by itself. Even a TTL of 0 must outlast the
 * program's next attempt. */
enum {
    SHIM_DOWNGRADE_STATIC = 3600,
    SHIM_DOWNGRADE_MIN = 60,
    SHIM_DOWNGRADE_MAX = 86400,
};

/*
 * Each process has one. It only grows: no entry leaves before its time. If there is no memory for
 * an entry, it forbids everything from then on.
 */
struct shim_downgrade {
    pthread_mutex_t lock;
    struct shim_table table; /* of names, and of addresses */
    size_t sweep_at;         /* number of entries at which the table is cleared of expired ones */
    bool blind;
};

#define SHIM_DOWNGRADE_INIT                                                                        \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* An attempt for `host` at `peer` (NULL: not known) has failed; `ttl` is its config's, in seconds.
 * */
void shim_downgrade_note(struct shim_downgrade *downgrade, const char *host,
                         const struct sockaddr *peer, uint32_t ttl, uint64_t now_us);

/* Must a handshake without ECH be refused? `host` NULL or "": a handshake without server_name. */
bool shim_downgrade_forbids(struct shim_downgrade *downgrade, const char *host,
                            const struct sockaddr *peer, uint64_t now_us);

/* Locks over a fork: else the child could inherit a lock that no thread will release. */
void shim_downgrade_before_fork(struct shim_downgrade *downgrade);
void shim_downgrade_after_fork(struct shim_downgrade *downgrade);

#endif
