/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private keys of a hello's key_share, seen as the TLS library makes them. So the outer hello
 * can copy key_share, and the engine can still finish an outer handshake (ech/program_keys.h).
 *
 * A watch is open from the moment a library begins a ClientHelloInner until the first octets of
 * that hello come to the session. Meanwhile the stub tells of every key that is made in this thread
 * (shim/stub/hooks_keys.c), also of those of other code. A key counts only if its public key stands
 * in the hello's key_share.
 *
 * A program may jump out of the call that opened a watch, end the session in another thread, or
 * begin a second handshake within the first one. So the thread knows only the number of a watch.
 * Open watches are in a table of fixed size, without a lock; if it is full, nothing is seen.
 */
#ifndef SHIM_ENGINE_SESSION_PROGRAM_KEYS_H
#define SHIM_ENGINE_SESSION_PROGRAM_KEYS_H

#include "ech/program_keys.h"
#include "shim/common/abi.h"

/* A private key that was seen. It begins a struct of the adapter's. */
struct shim_seen_key {
    const struct shim_key_functions *functions;
    bool believed; /* its public key stands in key_share */
};

/* What an adapter can do with a key of its library. `library` is the adapter's table. */
struct shim_key_functions {
    /* Takes a key that was made, on the heap. NULL: it is of another library, or no key for a key
     * share, or there is no memory. Keeps the library's error queue. */
    struct shim_seen_key *(*take)(const void *library, const struct shim_made_key *made);
    bool (*is)(const struct shim_seen_key *key, uint16_t group, struct bytes key_exchange);
    /* As in struct ech_program_keys. */
    enum ech_status (*agree)(const struct shim_seen_key *key, uint16_t group,
                             struct bytes peer_key_exchange, struct writer *shared_secret);
    /* Makes another key with the library of this one, as if it had been taken. NULL: it cannot.
     * Appends the public key. */
    struct shim_seen_key *(*make)(const struct shim_seen_key *key, uint16_t group,
                                  struct writer *key_exchange);
    /* Wipes and frees. */
    void (*drop)(struct shim_seen_key *key);
};

/* A hello has a few shares at most. Of more keys the newest are kept. */
enum { SHIM_SEEN_KEYS_MAX = 8 };

/* Of one session. All zero: none. */
struct shim_program_keys {
    uint64_t watch;  /* 0: none is open */
    uint64_t before; /* of the thread, when ours was opened */
    const struct shim_key_functions *functions;
    const void *library;
    struct shim_seen_key *keys[SHIM_SEEN_KEYS_MAX];
};

/* Opens a watch, and drops the keys of an earlier hello. */
void shim_program_keys_watch(struct shim_program_keys *keys,
                             const struct shim_key_functions *functions, const void *library);
/* Opens another one for the same session. The keys stay; newer ones may replace them. */
void shim_program_keys_watch_again(struct shim_program_keys *keys);
/* Closes it, and keeps what was seen. Does nothing if none is open. */
void shim_program_keys_close(struct shim_program_keys *keys);
/* Drops the keys that the exchange has not asked for. */
void shim_program_keys_keep_believed(struct shim_program_keys *keys);
/* Closes, wipes and drops everything. */
void shim_program_keys_drop(struct shim_program_keys *keys);
/* For the exchange; borrowed from *keys. */
struct ech_program_keys shim_program_keys_for_exchange(struct shim_program_keys *keys);

/* See struct shim_engine. */
bool shim_program_key_made(uint64_t watch, const struct shim_made_key *made);

#endif
