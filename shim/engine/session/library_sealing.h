/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS library with an ECH client of its own seals its hello to a local config
 * (session_local.c), and the engine would have to seal it once more for the server: two more scalar
 * multiplications. So while such a library makes its hello, its sender of HPKE is set up for the
 * server's ECHConfig in place of the local one, and what it seals is noted
 * (shim/stub/hooks_hpke.c). The exchange then knows the inner hello without opening anything, and
 * sends the library's hello as it is where that is the hello that it would make itself.
 *
 * If nothing is seen, the library has sealed to the local config, and the engine seals once more.
 *
 * Calls are told apart by the info of the local config, which holds a secret of this process, and
 * then by the sender's address. A watch (program_keys.h) must be open in the thread.
 */
#ifndef SHIM_ENGINE_SESSION_LIBRARY_SEALING_H
#define SHIM_ENGINE_SESSION_LIBRARY_SEALING_H

#include "ech/exchange.h"
#include "shim/common/abi.h"

/* Of one session. Where a pointer to it is taken, NULL is one for which no library seals. */
struct shim_library_sealing {
    uint64_t watch;           /* 0: none is open */
    const void *context;      /* the library's sender, once it is set up for the server */
    struct writer local;      /* the ECHConfig that the library has; empty: nothing is replaced */
    struct writer ech_config; /* the server's */
    uint8_t public_key[32];   /* the server's */
    struct writer payload;    /* what was seen of the next hello; empty: nothing */
    struct writer encoded;
};

/* Can a library that has a local config seal for this choice? */
bool shim_library_sealing_possible(const struct ech_config_choice *choice);
/* The library has got that list, which holds one local config. Copies. NULL: for want of memory. */
struct shim_library_sealing *shim_library_sealing_new(struct bytes local_list,
                                                      const struct ech_config_choice *choice);
/* While the watch is open, this thread's library may set up its sender, and seal. */
void shim_library_sealing_open(struct shim_library_sealing *sealing, uint64_t watch);
/* Does nothing if it is not open. */
void shim_library_sealing_close(struct shim_library_sealing *sealing);
/* Tells the exchange what was seen, if that is anything, and forgets it. */
void shim_library_sealing_tell(struct shim_library_sealing *sealing, struct ech_exchange *exchange);
/* May a second hello be sealed by the sender of a first one? */
bool shim_library_sealing_goes_on(const struct shim_library_sealing *sealing);
/* Closes, wipes and frees. */
void shim_library_sealing_free(struct shim_library_sealing *sealing);

/* See struct shim_engine. */
bool shim_hpke_begins(uint64_t watch, const struct shim_hpke_setup *setup,
                      struct shim_hpke_recipient *recipient);
void shim_hpke_sealed(uint64_t watch, const struct shim_hpke_sealing *seen);

void shim_library_sealing_before_fork(void);
void shim_library_sealing_after_fork(void);

#endif
