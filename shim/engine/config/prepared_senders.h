/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Senders of HPKE that are prepared while a connection is being made (ech/sender.h), so that the
 * first write of its handshake does not wait for two scalar multiplications.
 *
 * Whoever learns which ECHConfig the next connection needs says so: shim_prepared_expect. The hook
 * of connect() tells of a connection that is being made: shim_prepared_connecting. The hello takes
 * the sender: shim_prepared_take. There are SHIM_PREPARED_MAX places. Each is for one ECHConfig,
 * and has one sender at most; a new one is made only when a hello has taken the last.
 *
 * Nothing here waits. A place is touched by one thread at a time, and whoever finds it in use goes
 * on without it. The senders lie in memory that the kernel wipes in the child of every fork, also
 * of one that no handler sees, and that no core dump has. Where there is no such memory, none is
 * prepared.
 */
#ifndef SHIM_ENGINE_CONFIG_PREPARED_SENDERS_H
#define SHIM_ENGINE_CONFIG_PREPARED_SENDERS_H

#include "ech/sender.h"
#include "shim/common/address.h"
#include "shim/common/handlers.h"

enum {
    SHIM_PREPARED_MAX = 4,
    SHIM_PREPARED_SECONDS = 60, /* nothing is kept longer than this after it was last expected */
};

/* Sets a monotonic clock, and what is known of the program's handlers. Called once, at the start.
 */
void shim_prepared_start(uint64_t (*clock_us)(void), const struct shim_handlers *of_program);

/* A connection to one of these addresses and this port, within so many seconds, may need a sender
 * for this config. Nothing of it stays borrowed. Keeps errno. */
void shim_prepared_expect(const struct ech_config_choice *choice, uint32_t seconds,
                          const struct shim_addresses *addresses, uint16_t port);

/* Has connect() ever returned before the connection was there? Otherwise nothing is prepared. */
bool shim_prepared_is_of_use(void);

/*
 * connect() has returned before the connection is there: prepares a sender if one is expected for
 * this address and not there yet. Does nothing in a signal handler, where connect() may be called
 * too. Keeps errno.
 */
void shim_prepared_connecting(const struct sockaddr *address, socklen_t length);

/* The sender for this very config and suite; NULL: none. It is the caller's until
 * shim_prepared_give, and the caller holds signals back until then (shim/common/hold.h). */
struct ech_prepared_sender *shim_prepared_take(const struct ech_config_choice *choice);
/* Gives it back. True: it was used. NULL is nothing. */
bool shim_prepared_give(const struct ech_prepared_sender *prepared);

/* Wipes all and forgets what is expected: in the child of a fork. No other thread may be here. */
void shim_prepared_leave(void);

#endif
