/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guard need not ask about octets that the engine carries. The engine has them in memory
 * that it has read, and it asked which socket the descriptor is when it decided on the handshake.
 *
 * The identity may be old: another thread may have closed the descriptor since. So it counts only
 * for an announced hello that stays where it is. That may go to any socket, and nothing is done to
 * the descriptor. If the identity is old after all, the socket that is there now has carried octets
 * that nobody noted, and strict mode treats such a connection as watched.
 */
#include "shim/common/frame.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* Farther away is another stack. */
enum { DEPTH_MAX = 1024 * 1024 };

static __thread struct shim_carried carried __attribute__((tls_model("initial-exec")));

void stub_carry(const struct shim_carried *now)
{
    carried = now != NULL ? *now : (struct shim_carried){.octets = NULL};
}

/* A call that was left by a jump has never said that it ended. */
static bool is_carried(const struct stub_attempt *attempt)
{
    const struct shim_frame frame = {carried.frame};
    if (carried.octets == NULL || attempt->count != 1 ||
        (attempt->parts_known != 1 && !attempt->readable) ||
        !shim_frame_holds(frame, SHIM_FRAME_HERE, DEPTH_MAX)) {
        return false;
    }
    uintptr_t at = (uintptr_t)attempt->parts[0].iov_base;
    uintptr_t from = (uintptr_t)carried.octets;
    return at >= from && at - from <= carried.length &&
           attempt->parts[0].iov_len <= carried.length - (at - from);
}

/* A hello that is announced and stays on its connection. */
static bool is_announced(struct stub_attempt *attempt)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    enum shim_watch watch;
    (void)shim_hello_find(&source, &attempt->sight);
    return attempt->sight.hello == SHIM_HELLO_IS && attempt->sight.at == 0 && !attempt->sight.old &&
           stub_known_hello(attempt->sight.random, &watch) == STUB_KNOWN_ANNOUNCED &&
           watch != SHIM_WATCH_LEAVES;
}

void stub_carried_recall(struct stub_attempt *attempt)
{
    if (!is_carried(attempt)) {
        return;
    }
    attempt->readable = true;
    if (carried.fd >= 0 && carried.fd == attempt->fd && !stub_locked() && !stub_progress_any() &&
        is_announced(attempt)) {
        attempt->socket = carried.socket;
    }
}
