/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/program_keys.h"

#include <errno.h>
#include <stdatomic.h>

#include "shim/engine/state/state.h"

/* ---- open watches ---- */

enum { WATCHES = 64, PLACE_MASK = WATCHES - 1, CLOSING = PLACE_MASK };

/* `watch` is 0 in a free place. Otherwise it ends with the place's number, above which a counter
 * makes it unlike any other; or it is CLOSING. A key in `keys` belongs to the place. */
static struct place {
    _Atomic uint64_t watch;
    _Atomic(const struct shim_key_functions *) functions;
    _Atomic(const void *) library;
    atomic_uint seen; /* counts the keys */
    _Atomic(struct shim_seen_key *) keys[SHIM_SEEN_KEYS_MAX];
} places[WATCHES];

static void drop(struct shim_seen_key *key)
{
    if (key != NULL) {
        key->functions->drop(key);
    }
}

static void drop_all(struct shim_seen_key **keys)
{
    for (size_t i = 0; i < SHIM_SEEN_KEYS_MAX; i++) {
        drop(keys[i]);
        keys[i] = NULL;
    }
}

void shim_program_keys_watch(struct shim_program_keys *keys,
                             const struct shim_key_functions *functions, const void *library)
{
    shim_program_keys_drop(keys);
    keys->functions = functions;
    keys->library = library;
    shim_program_keys_watch_again(keys);
}

void shim_program_keys_watch_again(struct shim_program_keys *keys)
{
    static _Atomic uint64_t last = 1;
    shim_program_keys_close(keys);
    uint64_t number = atomic_fetch_add(&last, 1) * WATCHES;
    for (unsigned i = 0; i < WATCHES; i++) {
        struct place *place = &places[(number / WATCHES + i) % WATCHES];
        uint64_t free_place = 0;
        if (atomic_compare_exchange_strong(&place->watch, &free_place, (uint64_t)CLOSING)) {
            keys->watch = number | (uint64_t)(place - places);
            atomic_store(&place->functions, keys->functions);
            atomic_store(&place->library, keys->library);
            atomic_store(&place->watch, keys->watch);
            keys->before = shim_state()->stub->watch_keys(keys->watch);
            return;
        }
    }
}

void shim_program_keys_close(struct shim_program_keys *keys)
{
    const struct shim_stub *stub = shim_state()->stub;
    if (keys->watch == 0) {
        return;
    }
    struct place *place = &places[keys->watch & PLACE_MASK];
    uint64_t current = stub->watch_keys(keys->before);
    if (current != keys->watch) {
        (void)stub->watch_keys(current); /* another thread closes, or a nested one stayed open */
    }
    /* A thread that still has the number now sees that it is over, and takes back what it puts. */
    atomic_store(&place->watch, (uint64_t)CLOSING);
    for (size_t i = 0; i < SHIM_SEEN_KEYS_MAX; i++) {
        struct shim_seen_key *seen = atomic_exchange(&place->keys[i], NULL);
        if (seen != NULL) {
            drop(keys->keys[i]);
            keys->keys[i] = seen;
        }
    }
    atomic_store(&place->watch, 0);
    keys->watch = 0;
}

static void put(struct place *place, uint64_t watch, struct shim_seen_key *key)
{
    unsigned index = atomic_fetch_add(&place->seen, 1) % SHIM_SEEN_KEYS_MAX;
    drop(atomic_exchange(&place->keys[index], key));
    if (atomic_load(&place->watch) != watch &&
        atomic_compare_exchange_strong(&place->keys[index], &key, NULL)) {
        drop(key);
    }
}

bool shim_program_key_made(uint64_t watch, const struct shim_made_key *made)
{
    struct place *place = &places[watch & PLACE_MASK];
    int saved = errno;
    const struct shim_key_functions *functions = atomic_load(&place->functions);
    const void *library = atomic_load(&place->library);
    if (atomic_load(&place->watch) != watch) {
        return false;
    }
    struct shim_seen_key *key = functions->take(library, made);
    if (key != NULL) {
        key->functions = functions;
        put(place, watch, key);
    }
    errno = saved;
    return true;
}

/* ---- what was seen ---- */

void shim_program_keys_keep_believed(struct shim_program_keys *keys)
{
    for (size_t i = 0; i < SHIM_SEEN_KEYS_MAX; i++) {
        if (keys->keys[i] != NULL && !keys->keys[i]->believed) {
            drop(keys->keys[i]);
            keys->keys[i] = NULL;
        }
    }
}

void shim_program_keys_drop(struct shim_program_keys *keys)
{
    shim_program_keys_close(keys);
    drop_all(keys->keys);
}

static struct shim_seen_key *find(const struct shim_program_keys *keys, uint16_t group,
                                  struct bytes key_exchange)
{
    for (size_t i = 0; i < SHIM_SEEN_KEYS_MAX; i++) {
        struct shim_seen_key *key = keys->keys[i];
        if (key != NULL && key->functions->is(key, group, key_exchange)) {
            return key;
        }
    }
    return NULL;
}

static bool have(void *context, uint16_t group, struct bytes key_exchange)
{
    struct shim_seen_key *key = find(context, group, key_exchange);
    if (key != NULL) {
        key->believed = true;
    }
    return key != NULL;
}

static enum ech_status agree(void *context, uint16_t group, struct bytes key_exchange,
                             struct bytes peer_key_exchange, struct writer *shared_secret)
{
    const struct shim_seen_key *key = find(context, group, key_exchange);
    return key != NULL ? key->functions->agree(key, group, peer_key_exchange, shared_secret)
                       : ECH_ERR_CRYPTO;
}

/* By the library of a key that was seen. The others stay: a retry shows the first hello's shares
 * again. */
static enum ech_status make(void *context, uint16_t group, struct writer *key_exchange)
{
    struct shim_program_keys *keys = context;
    const struct shim_seen_key *like = NULL;
    struct shim_seen_key **room = NULL;
    for (size_t i = 0; i < SHIM_SEEN_KEYS_MAX; i++) {
        if (keys->keys[i] == NULL) {
            room = &keys->keys[i];
        } else {
            like = keys->keys[i];
        }
    }
    if (like == NULL || room == NULL || like->functions->make == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    struct shim_seen_key *made = like->functions->make(like, group, key_exchange);
    if (made == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    made->functions = like->functions;
    made->believed = true;
    *room = made;
    return ECH_OK;
}

struct ech_program_keys shim_program_keys_for_exchange(struct shim_program_keys *keys)
{
    return (struct ech_program_keys){.context = keys, .have = have, .agree = agree, .make = make};
}
