/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/prefetch.h"

#include "shim/engine/base/lock.h"

#include <pthread.h>
#include <string.h>

/*
 * A thread takes a look-up out of the table to work on it, so it never works under the lock, and no
 * two threads work on the same look-up. Its place stays marked meanwhile: the others begin no
 * second one, and note there when their addresses came (curl asks for each family in a thread of
 * its own). A program may leave a thread's work for good, so a mark ends by itself.
 */
struct prefetch {
    struct dns_https_pending *pending; /* NULL: taken out, or a free place */
    char host[DNS_HOST_SIZE];
    uint16_t port;
    uint64_t begun_us;
    uint64_t addresses_us; /* when the program had its addresses; 0: not yet */
    uint64_t out_until_us; /* `pending` NULL: the mark */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct prefetch table[SHIM_PREFETCH_MAX];

static bool is_free(const struct prefetch *prefetch, uint64_t now_us)
{
    return prefetch->pending == NULL && prefetch->out_until_us <= now_us;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- under the lock ---- */

static struct prefetch *find(const char *host, uint16_t port, uint64_t now_us)
{
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        if (!is_free(&table[i], now_us) && table[i].port == port &&
            dns_host_equal(table[i].host, host)) {
            return &table[i];
        }
    }
    return NULL;
}

static void take_out(struct prefetch *place, struct prefetch *out, const struct dns_lookup *lookup)
{
    *out = *place;
    place->pending = NULL;
    place->out_until_us = lookup->io->now_us() + lookup->timeout_us;
}

/* A free place, or the oldest. */
static struct prefetch *find_place(uint64_t now_us)
{
    struct prefetch *place = &table[0];
    for (size_t i = 0; i < SHIM_PREFETCH_MAX && !is_free(place, now_us); i++) {
        if (is_free(&table[i], now_us) || table[i].begun_us < place->begun_us) {
            place = &table[i];
        }
    }
    return place;
}

/* ---- taking out and putting back ---- */

static bool take(const struct dns_lookup *lookup, struct prefetch *out, const char *host,
                 uint16_t port)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    struct prefetch *place = find(host, port, lookup->io->now_us());
    bool found = place != NULL && place->pending != NULL;
    if (found) {
        take_out(place, out, lookup);
    }
    shim_unlock(&lock, &hold);
    return found;
}

static bool take_at(const struct dns_lookup *lookup, struct prefetch *out, size_t place)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    bool found = table[place].pending != NULL;
    if (found) {
        take_out(&table[place], out, lookup);
    }
    shim_unlock(&lock, &hold);
    return found;
}

/* Of two look-ups for a name the older one stays. What has to go is cancelled. */
static void put_back(const struct dns_lookup *lookup, struct prefetch *prefetch)
{
    struct shim_hold hold;
    uint64_t now_us = lookup->io->now_us();
    shim_lock(&lock, &hold);
    struct prefetch *place = find(prefetch->host, prefetch->port, now_us);
    struct dns_https_pending *goes = NULL;
    if (place == NULL) {
        place = find_place(now_us);
        goes = place->pending;
        *place = *prefetch;
    } else {
        uint64_t addresses_us = later_of(place->addresses_us, prefetch->addresses_us);
        if (place->pending != NULL && place->begun_us < prefetch->begun_us) {
            goes = prefetch->pending;
        } else {
            goes = place->pending;
            *place = *prefetch;
        }
        place->addresses_us = addresses_us;
    }
    shim_unlock(&lock, &hold);
    dns_https_cancel(goes);
}

/* The look-up has its end, and does not come back. */
static void unmark(const struct dns_lookup *lookup, const struct prefetch *prefetch)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    struct prefetch *place = find(prefetch->host, prefetch->port, lookup->io->now_us());
    if (place != NULL && place->pending == NULL) {
        place->out_until_us = 0;
    }
    shim_unlock(&lock, &hold);
}

/* Works on a look-up that was taken out, and puts it back if its answer has not come. */
static struct dns_endpoints *work_on(const struct dns_lookup *lookup, struct prefetch *prefetch,
                                     uint64_t wait_until_us)
{
    struct dns_endpoints *answer = dns_https_finish(prefetch->pending, wait_until_us, NULL);
    if (answer != NULL) {
        unmark(lookup, prefetch);
    } else {
        put_back(lookup, prefetch);
    }
    return answer;
}

/* Finishes the look-ups that have their answer, which the cache then holds. Cancels those that are
 * too old. */
static void sweep(const struct dns_lookup *lookup)
{
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        struct prefetch prefetch;
        if (!take_at(lookup, &prefetch, i)) {
            continue;
        }
        bool too_old = lookup->io->now_us() - prefetch.begun_us > lookup->timeout_us;
        struct dns_endpoints *answer = dns_https_finish(prefetch.pending, 0, NULL);
        if (answer == NULL && !too_old) {
            put_back(lookup, &prefetch);
        } else {
            dns_https_cancel(answer == NULL ? prefetch.pending : NULL);
            unmark(lookup, &prefetch);
            dns_endpoints_free(answer);
        }
    }
}

/* Marks a place for a look-up that is about to begin, and takes over what is noted there. False:
 * another thread has it. */
static bool mark(const struct dns_lookup *lookup, struct prefetch *prefetch)
{
    struct shim_hold hold;
    uint64_t now_us = lookup->io->now_us();
    struct dns_https_pending *goes = NULL;
    shim_lock(&lock, &hold);
    struct prefetch *place = find(prefetch->host, prefetch->port, now_us);
    bool taken = place != NULL;
    if (taken) {
        prefetch->addresses_us = place->addresses_us;
    } else {
        place = find_place(now_us);
        goes = place->pending;
        *place = *prefetch;
        place->out_until_us = now_us + lookup->timeout_us;
    }
    shim_unlock(&lock, &hold);
    dns_https_cancel(goes);
    return !taken;
}

/* Begins a look-up; if `once`, only if no other thread has one of this name. */
static bool begin(const struct dns_lookup *lookup, const char *host, uint16_t port, bool once,
                  struct prefetch *prefetch)
{
    if (strlen(host) >= sizeof prefetch->host) {
        return false;
    }
    *prefetch = (struct prefetch){.port = port, .begun_us = lookup->io->now_us()};
    memcpy(prefetch->host, host, strlen(host) + 1);
    if (!mark(lookup, prefetch) && once) {
        return false;
    }
    prefetch->pending = dns_https_begin(lookup, host, port);
    if (prefetch->pending == NULL) {
        unmark(lookup, prefetch);
    }
    return prefetch->pending != NULL;
}

struct dns_endpoints *shim_prefetch_peek(const struct dns_lookup *lookup, const char *host,
                                         uint16_t port, uint64_t wait_until_us)
{
    struct prefetch prefetch;
    return take(lookup, &prefetch, host, port) || begin(lookup, host, port, false, &prefetch)
               ? work_on(lookup, &prefetch, wait_until_us)
               : NULL;
}

void shim_prefetch_begin(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    struct prefetch prefetch;
    sweep(lookup);
    if (take(lookup, &prefetch, host, port) || begin(lookup, host, port, true, &prefetch)) {
        dns_endpoints_free(work_on(lookup, &prefetch, 0));
    }
}

void shim_prefetch_addresses_came(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    struct shim_hold hold;
    struct prefetch prefetch;
    uint64_t now_us = lookup->io->now_us();
    shim_lock(&lock, &hold);
    struct prefetch *place = find(host, port, now_us);
    if (place != NULL) {
        place->addresses_us = now_us;
    }
    shim_unlock(&lock, &hold);
    if (take(lookup, &prefetch, host, port)) {
        dns_https_hurry(prefetch.pending);
        put_back(lookup, &prefetch);
    }
}

void shim_prefetch_drop(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    struct prefetch prefetch;
    if (take(lookup, &prefetch, host, port)) {
        dns_https_cancel(prefetch.pending);
        unmark(lookup, &prefetch);
    }
}

static uint64_t saturated_sum(uint64_t a, uint64_t b)
{
    return b < UINT64_MAX - a ? a + b : UINT64_MAX;
}

/* Gives the answer, or DNS_FAILED if it has not come within the program's patience. */
static struct dns_endpoints *wait_a_moment(const struct dns_lookup *lookup,
                                           struct prefetch *prefetch,
                                           struct dns_lookup_report *report)
{
    uint64_t from_us = prefetch->addresses_us != 0 ? prefetch->addresses_us : lookup->io->now_us();
    uint64_t until_us = saturated_sum(from_us, dns_https_patience_us(prefetch->pending));
    dns_https_hurry(prefetch->pending);
    struct dns_endpoints *answer = dns_https_finish(prefetch->pending, until_us, report);
    if (answer != NULL) {
        unmark(lookup, prefetch);
        return answer;
    }
    if (prefetch->addresses_us != 0) {
        dns_https_note_silence(prefetch->pending);
    }
    put_back(lookup, prefetch);
    return dns_answer_new(DNS_FAILED, DNS_REASON_TIMEOUT);
}

struct dns_endpoints *shim_prefetch_https(const struct dns_lookup *lookup, const char *host,
                                          uint16_t port, enum shim_patience patience,
                                          struct dns_lookup_report *report)
{
    struct prefetch prefetch;
    bool begun = take(lookup, &prefetch, host, port);
    /* The usual case of all handshakes but the first: nothing needs to be begun or freed. */
    struct dns_endpoints *cached = begun ? NULL : dns_https_cached(lookup, host, port, report);
    if (cached != NULL) {
        return cached;
    }
    if (patience == SHIM_IMPATIENT && (begun || begin(lookup, host, port, false, &prefetch))) {
        return wait_a_moment(lookup, &prefetch, report);
    }
    if (begun) {
        struct dns_endpoints *answer = dns_https_finish(prefetch.pending, UINT64_MAX, report);
        unmark(lookup, &prefetch);
        if (answer != NULL) {
            return answer;
        }
        /* A look-up ends by its own time limit. This one could not be ended: ask anew. */
        dns_https_cancel(prefetch.pending);
    }
    return dns_lookup_https(lookup, host, port, report);
}

void shim_prefetch_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void shim_prefetch_leave(void)
{
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        dns_https_cancel(table[i].pending);
        table[i].pending = NULL;
        table[i].out_until_us = 0;
    }
}

void shim_prefetch_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}
