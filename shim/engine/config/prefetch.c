/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/prefetch.h"

#include "shim/engine/base/lock.h"

#include <pthread.h>
#include <string.h>

/* `pending` NULL: a free place. A thread takes a look-up out of the table to work on it, so it
 * never works under the lock, and no two threads work on the same look-up. */
struct prefetch {
    struct dns_https_pending *pending;
    char host[DNS_HOST_SIZE];
    uint16_t port;
    uint64_t begun_us;
    uint64_t addresses_us; /* when the program had its addresses; 0: not yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct prefetch table[SHIM_PREFETCH_MAX];

static bool is_for(const struct prefetch *prefetch, const char *host, uint16_t port)
{
    return prefetch->pending != NULL && prefetch->port == port &&
           dns_host_equal(prefetch->host, host);
}

static bool take(struct prefetch *out, const char *host, uint16_t port)
{
    struct shim_hold hold;
    bool found = false;
    shim_lock(&lock, &hold);
    for (size_t i = 0; i < SHIM_PREFETCH_MAX && !found; i++) {
        if (is_for(&table[i], host, port)) {
            *out = table[i];
            table[i].pending = NULL;
            found = true;
        }
    }
    shim_unlock(&lock, &hold);
    return found;
}

/* Replaces the entry of the same name, or the oldest. Gives the old entry back in *prefetch. */
static void put(struct prefetch *prefetch)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    struct prefetch *place = &table[0];
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        if (is_for(&table[i], prefetch->host, prefetch->port)) {
            place = &table[i];
            break;
        }
        if (place->pending != NULL &&
            (table[i].pending == NULL || table[i].begun_us < place->begun_us)) {
            place = &table[i];
        }
    }
    struct prefetch before = *place;
    *place = *prefetch;
    *prefetch = before;
    shim_unlock(&lock, &hold);
}

static void put_back(struct prefetch *prefetch)
{
    put(prefetch);
    if (prefetch->pending != NULL) {
        dns_https_cancel(prefetch->pending);
    }
}

static bool take_at(struct prefetch *out, size_t place)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    *out = table[place];
    table[place].pending = NULL;
    shim_unlock(&lock, &hold);
    return out->pending != NULL;
}

/* Finishes the look-ups that have their answer, which the cache then holds. Cancels those that are
 * too old. */
static void sweep(const struct dns_lookup *lookup)
{
    uint64_t now_us = lookup->io->now_us();
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        struct prefetch prefetch;
        if (!take_at(&prefetch, i)) {
            continue;
        }
        struct dns_endpoints *answer = dns_https_finish(prefetch.pending, 0, NULL);
        if (answer != NULL) {
            dns_endpoints_free(answer);
        } else if (now_us - prefetch.begun_us > lookup->timeout_us) {
            dns_https_cancel(prefetch.pending);
        } else {
            put_back(&prefetch);
        }
    }
}

/* Begins a look-up. */
static bool begin(const struct dns_lookup *lookup, const char *host, uint16_t port,
                  struct prefetch *prefetch)
{
    if (strlen(host) >= sizeof prefetch->host) {
        return false;
    }
    *prefetch = (struct prefetch){.port = port, .begun_us = lookup->io->now_us()};
    memcpy(prefetch->host, host, strlen(host) + 1);
    prefetch->pending = dns_https_begin(lookup, host, port);
    return prefetch->pending != NULL;
}

/* Takes the look-up in progress for this name, or begins one. */
static bool take_or_begin(const struct dns_lookup *lookup, const char *host, uint16_t port,
                          struct prefetch *prefetch)
{
    return take(prefetch, host, port) || begin(lookup, host, port, prefetch);
}

struct dns_endpoints *shim_prefetch_peek(const struct dns_lookup *lookup, const char *host,
                                         uint16_t port, uint64_t wait_until_us)
{
    struct prefetch prefetch;
    if (!take_or_begin(lookup, host, port, &prefetch)) {
        return NULL;
    }
    struct dns_endpoints *answer = dns_https_finish(prefetch.pending, wait_until_us, NULL);
    if (answer == NULL) {
        put_back(&prefetch);
    }
    return answer;
}

void shim_prefetch_begin(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    sweep(lookup);
    dns_endpoints_free(shim_prefetch_peek(lookup, host, port, 0));
}

void shim_prefetch_addresses_came(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    struct prefetch prefetch;
    if (take(&prefetch, host, port)) {
        prefetch.addresses_us = lookup->io->now_us();
        dns_https_hurry(prefetch.pending);
        put_back(&prefetch);
    }
}

void shim_prefetch_drop(const char *host, uint16_t port)
{
    struct prefetch prefetch;
    if (take(&prefetch, host, port)) {
        dns_https_cancel(prefetch.pending);
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
        return answer;
    }
    if (prefetch->addresses_us != 0) {
        dns_https_note_silence(prefetch->pending);
    }
    put_back(prefetch);
    return dns_answer_new(DNS_FAILED, DNS_REASON_TIMEOUT);
}

struct dns_endpoints *shim_prefetch_https(const struct dns_lookup *lookup, const char *host,
                                          uint16_t port, enum shim_patience patience,
                                          struct dns_lookup_report *report)
{
    struct prefetch prefetch;
    bool begun = take(&prefetch, host, port);
    /* The usual case of all handshakes but the first: nothing needs to be begun or freed. */
    struct dns_endpoints *cached = begun ? NULL : dns_https_cached(lookup, host, port, report);
    if (cached != NULL) {
        return cached;
    }
    if (patience == SHIM_IMPATIENT && (begun || begin(lookup, host, port, &prefetch))) {
        return wait_a_moment(lookup, &prefetch, report);
    }
    if (begun) {
        struct dns_endpoints *answer = dns_https_finish(prefetch.pending, UINT64_MAX, report);
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
        if (table[i].pending != NULL) {
            dns_https_cancel(table[i].pending);
            table[i].pending = NULL;
        }
    }
}

void shim_prefetch_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}
