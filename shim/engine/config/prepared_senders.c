/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/prepared_senders.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/random.h"
#include "shim/engine/base/section.h"
#include "shim/engine/base/wiped_memory.h"

enum { SECOND_US = 1000000 };

/* What is expected. No secrets: those are in senders[], at the same index. */
struct place {
    _Atomic uint64_t expires_us;                    /* 0: free */
    _Atomic uint64_t addresses[SHIM_ADDRESSES_MAX]; /* hashes, with the port; 0: none */
    atomic_bool busy;                               /* one thread has the place, and its sender */
    atomic_bool made; /* the sender is there, as far as is known without the place */
    /* The rest is for the thread that has the place. */
    struct ech_hpke_suite suite;
    size_t next_address;
    size_t length;
    uint8_t config[ECH_PREPARED_CONFIG_MAX];
};

static struct place places[SHIM_PREPARED_MAX];
static _Atomic(struct ech_prepared_sender *) senders; /* of each place; NULL: not mapped */
static atomic_bool no_memory;                         /* of the kind that senders need */
static atomic_bool of_use;
static uint64_t (*now_us)(void);
static const struct shim_handlers *handlers;

void shim_prepared_start(uint64_t (*clock_us)(void), const struct shim_handlers *of_program)
{
    now_us = clock_us;
    handlers = of_program;
}

/* The senders, mapped when the first is made. NULL: there can be none. */
static struct ech_prepared_sender *senders_to_make(void)
{
    struct ech_prepared_sender *known = atomic_load_explicit(&senders, memory_order_acquire);
    if (known != NULL || atomic_load_explicit(&no_memory, memory_order_relaxed)) {
        return known;
    }
    const size_t size = SHIM_PREPARED_MAX * sizeof *known;
    struct ech_prepared_sender *fresh = shim_wiped_memory(size);
    if (fresh == NULL) {
        atomic_store_explicit(&no_memory, true, memory_order_relaxed);
    } else if (atomic_compare_exchange_strong(&senders, &known, fresh)) {
        known = fresh;
    } else {
        shim_wiped_memory_free(fresh, size);
    }
    return known;
}

/* ---- places ---- */

/* The caller holds signals back, or a handler could jump out and leave the place busy for good. */
static bool enter(struct place *place)
{
    return !atomic_exchange_explicit(&place->busy, true, memory_order_acquire);
}

static void leave(struct place *place)
{
    atomic_store_explicit(&place->busy, false, memory_order_release);
}

static void wipe_sender(const struct place *place)
{
    struct ech_prepared_sender *known = atomic_load_explicit(&senders, memory_order_acquire);
    if (known != NULL && known[place - places].config_length > 0) {
        ech_prepared_sender_wipe(&known[place - places]);
    }
}

/* Of a place that the caller has. */
static void empty(struct place *place)
{
    wipe_sender(place);
    atomic_store_explicit(&place->made, false, memory_order_relaxed);
    atomic_store_explicit(&place->expires_us, 0, memory_order_relaxed);
    for (size_t i = 0; i < SHIM_ADDRESSES_MAX; i++) {
        atomic_store_explicit(&place->addresses[i], 0, memory_order_relaxed);
    }
    place->next_address = 0;
    place->length = 0;
}

static bool is_over(const struct place *place, uint64_t time_us)
{
    uint64_t expires_us = atomic_load_explicit(&place->expires_us, memory_order_relaxed);
    return expires_us != 0 && expires_us <= time_us;
}

/* Wipes what is too old. */
static void sweep(uint64_t time_us)
{
    for (size_t i = 0; i < SHIM_PREPARED_MAX; i++) {
        if (is_over(&places[i], time_us) && enter(&places[i])) {
            if (is_over(&places[i], time_us)) {
                empty(&places[i]);
            }
            leave(&places[i]);
        }
    }
}

static bool is_for(const struct place *place, const struct ech_config_choice *choice)
{
    return place->suite.kem_id == choice->suite.kem_id &&
           place->suite.kdf_id == choice->suite.kdf_id &&
           place->suite.aead_id == choice->suite.aead_id &&
           bytes_equal(bytes_of(place->config, place->length), choice->config.raw);
}

/* The place of this config, or the free or oldest one, emptied. NULL: it is in use. */
static struct place *enter_for(const struct ech_config_choice *choice)
{
    struct place *oldest = &places[0];
    for (size_t i = 0; i < SHIM_PREPARED_MAX; i++) {
        if (enter(&places[i])) {
            if (is_for(&places[i], choice)) {
                return &places[i];
            }
            leave(&places[i]);
        }
        if (atomic_load_explicit(&places[i].expires_us, memory_order_relaxed) <
            atomic_load_explicit(&oldest->expires_us, memory_order_relaxed)) {
            oldest = &places[i];
        }
    }
    struct reader raw = rd_of(choice->config.raw);
    if (!enter(oldest)) {
        return NULL;
    }
    empty(oldest);
    oldest->suite = choice->suite;
    oldest->length = raw.len;
    if (!rd_copy(&raw, oldest->config, raw.len)) {
        oldest->length = 0;
    }
    return oldest;
}

/* ---- what is expected ---- */

static uint64_t hash_of(const struct shim_address *address, uint16_t port)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ port;
    for (size_t i = 0; i < sizeof address->octets; i++) {
        hash = (hash ^ address->octets[i]) * UINT64_C(0x100000001b3);
    }
    return hash != 0 ? hash : 1;
}

static bool leads_to(const struct place *place, uint64_t hash)
{
    for (size_t i = 0; i < SHIM_ADDRESSES_MAX; i++) {
        if (atomic_load_explicit(&place->addresses[i], memory_order_relaxed) == hash) {
            return true;
        }
    }
    return false;
}

static void add_address(struct place *place, uint64_t hash)
{
    if (!leads_to(place, hash)) {
        atomic_store_explicit(&place->addresses[place->next_address], hash, memory_order_relaxed);
        place->next_address = (place->next_address + 1) % SHIM_ADDRESSES_MAX;
    }
}

void shim_prepared_expect(const struct ech_config_choice *choice, uint32_t seconds,
                          const struct shim_addresses *addresses, uint16_t port)
{
    struct shim_hold hold;
    if (choice->config.raw.len > ECH_PREPARED_CONFIG_MAX || addresses->count == 0) {
        return;
    }
    uint64_t time_us = now_us();
    uint64_t life = seconds < SHIM_PREPARED_SECONDS ? seconds : SHIM_PREPARED_SECONDS;
    shim_hold_begin(&hold);
    sweep(time_us);
    struct place *place = enter_for(choice);
    if (place != NULL) {
        for (size_t i = 0; i < addresses->count; i++) {
            add_address(place, hash_of(&addresses->list[i], port));
        }
        atomic_store_explicit(&place->expires_us, time_us + (life > 0 ? life : 1) * SECOND_US,
                              memory_order_relaxed);
        leave(place);
    }
    shim_hold_end(&hold);
}

bool shim_prepared_is_of_use(void)
{
    return atomic_load_explicit(&of_use, memory_order_relaxed);
}

/* ---- while a connection is being made ---- */

/* The work of one sender. It never waits, so this struct may lie on the program's stack. */
struct preparing {
    struct shim_work work;
    struct place *place;
};

static void prepare(struct place *place)
{
    struct ech_prepared_sender *known = senders_to_make();
    struct ech_config_choice choice = {.suite = place->suite};
    struct reader raw = rd_of(bytes_of(place->config, place->length));
    const struct ech_random random = shim_random_in_advance();
    if (known != NULL && !known[place - places].ready &&
        ech_config_list_next(&raw, &choice.config) &&
        ech_sender_prepare(&known[place - places], &choice, &random) == ECH_OK) {
        atomic_store_explicit(&place->made, true, memory_order_relaxed);
    }
}

static void run_preparing(struct shim_work *work)
{
    struct place *place = ((struct preparing *)work)->place;
    sweep(now_us());
    if (enter(place)) {
        if (place->length > 0) {
            prepare(place);
        }
        leave(place);
    }
}

static void drop_preparing(struct shim_work *work)
{
    (void)work;
}

/* The place that needs a sender for a connection to this address. Takes no place, so it may be out
 * of date. */
static struct place *place_to_prepare(const struct sockaddr *address, socklen_t length)
{
    struct shim_address octets;
    bool whole = length >= sizeof(struct sockaddr_in) &&
                 (address->sa_family != AF_INET6 || length >= sizeof(struct sockaddr_in6));
    if (!whole || !shim_address_of(address, &octets)) {
        return NULL;
    }
    uint64_t hash = hash_of(&octets, shim_address_port(address));
    for (size_t i = 0; i < SHIM_PREPARED_MAX; i++) {
        if (atomic_load_explicit(&places[i].expires_us, memory_order_relaxed) != 0 &&
            !atomic_load_explicit(&places[i].made, memory_order_relaxed) &&
            leads_to(&places[i], hash)) {
            return &places[i];
        }
    }
    return NULL;
}

void shim_prepared_connecting(const struct sockaddr *address, socklen_t length)
{
    int saved = errno;
    if (!atomic_load_explicit(&of_use, memory_order_relaxed)) {
        atomic_store_explicit(&of_use, true, memory_order_relaxed);
    }
    struct preparing preparing = {.work = {.run = run_preparing, .drop = drop_preparing},
                                  .place = place_to_prepare(address, length)};
    if (preparing.place != NULL && !atomic_load_explicit(&no_memory, memory_order_relaxed) &&
        shim_handlers_none_runs(handlers)) {
        struct shim_hold hold;
        shim_hold_begin(&hold);
        (void)shim_section_run(&preparing.work);
        shim_hold_end(&hold);
    }
    errno = saved;
}

/* ---- the hello ---- */

struct ech_prepared_sender *shim_prepared_take(const struct ech_config_choice *choice)
{
    struct ech_prepared_sender *known = atomic_load_explicit(&senders, memory_order_acquire);
    if (known == NULL) {
        return NULL;
    }
    sweep(now_us());
    for (size_t i = 0; i < SHIM_PREPARED_MAX; i++) {
        if (!atomic_load_explicit(&places[i].made, memory_order_relaxed) || !enter(&places[i])) {
            continue;
        }
        if (is_for(&places[i], choice) && known[i].ready) {
            return &known[i];
        }
        atomic_store_explicit(&places[i].made, known[i].ready, memory_order_relaxed);
        leave(&places[i]);
    }
    return NULL;
}

bool shim_prepared_give(const struct ech_prepared_sender *prepared)
{
    if (prepared == NULL) {
        return false;
    }
    size_t number = (size_t)(prepared - atomic_load_explicit(&senders, memory_order_acquire));
    bool used = !prepared->ready;
    atomic_store_explicit(&places[number].made, !used, memory_order_relaxed);
    leave(&places[number]);
    return used;
}

void shim_prepared_leave(void)
{
    for (size_t i = 0; i < SHIM_PREPARED_MAX; i++) {
        empty(&places[i]);
        leave(&places[i]);
    }
}
