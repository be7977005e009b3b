/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The downgrade rule (docs/architecture.md): programs answer a failed handshake by trying again
 * with less, TLS 1.2 or no server_name. Whoever can make ECH fail could have the name in the clear
 * that way. So a name for which an attempt with ECH failed, and was not securely disabled, gets no
 * handshake without ECH until the ECHConfig has expired; nor does its address one without
 * server_name.
 */
#ifndef SHIM_ENGINE_POLICY_DOWNGRADE_H
#define SHIM_ENGINE_POLICY_DOWNGRADE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/common/address.h"
#include "shim/engine/base/table.h"

/* Seconds. A config set by hand has no end of its own; a TTL of nothing must outlast the program's
 * next attempt. */
enum {
    SHIM_DOWNGRADE_STATIC = 3600,
    SHIM_DOWNGRADE_MIN = 60,
    SHIM_DOWNGRADE_MAX = 86400,
};

/*
 * A process has one. It grows; nothing leaves it before its time. What there is no memory to note
 * makes it forbid everything from then on.
 */
struct shim_downgrade {
    pthread_mutex_t lock;
    struct shim_table table; /* of names, and of addresses */
    size_t sweep_at;         /* entries, at which those that are over are looked for */
    bool blind;
};

#define SHIM_DOWNGRADE_INIT                                                                        \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* An attempt for `host` at `peer` (NULL: not known) failed; `ttl` is its config's, in seconds. */
void shim_downgrade_note(struct shim_downgrade *downgrade, const char *host,
                         const struct sockaddr *peer, uint32_t ttl, uint64_t now_us);

/* Must a handshake without ECH be refused? `host` NULL or "": one without server_name. */
bool shim_downgrade_forbids(struct shim_downgrade *downgrade, const char *host,
                            const struct sockaddr *peer, uint64_t now_us);

/* Held over a fork, so that the child does not inherit a lock that nobody will release. */
void shim_downgrade_before_fork(struct shim_downgrade *downgrade);
void shim_downgrade_after_fork(struct shim_downgrade *downgrade);

#endif
