/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/prefetch.h"

#include "shim/engine/base/lock.h"

#include <pthread.h>
#include <string.h>

/* `pending` NULL: a free place. Whoever works on a look-up takes it out, so none is worked on under
 * the lock or twice at a time. */
struct ahead {
    struct dns_https_pending *pending;
    char host[DNS_HOST_SIZE];
    uint16_t port;
    uint64_t begun_us;
    uint64_t addresses_us; /* when the program had its addresses; 0: nobody has told */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ahead table[SHIM_PREFETCH_MAX];

static bool is_for(const struct ahead *one, const char *host, uint16_t port)
{
    return one->pending != NULL && one->port == port && dns_host_equal(one->host, host);
}

static bool take(struct ahead *out, const char *host, uint16_t port)
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

/* Puts it into the place of the oldest, or of another one for the same name; what was there comes
 * back in *one. */
static void put(struct ahead *one)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    struct ahead *place = &table[0];
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        if (is_for(&table[i], one->host, one->port)) {
            place = &table[i];
            break;
        }
        if (place->pending != NULL &&
            (table[i].pending == NULL || table[i].begun_us < place->begun_us)) {
            place = &table[i];
        }
    }
    struct ahead before = *place;
    *place = *one;
    *one = before;
    shim_unlock(&lock, &hold);
}

static void put_back(struct ahead *one)
{
    put(one);
    if (one->pending != NULL) {
        dns_https_cancel(one->pending);
    }
}

static bool take_at(struct ahead *out, size_t place)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    *out = table[place];
    table[place].pending = NULL;
    shim_unlock(&lock, &hold);
    return out->pending != NULL;
}

/* Whose answer has come goes into the cache; whose time is over goes. */
static void sweep(const struct dns_lookup *lookup)
{
    uint64_t now_us = lookup->io->now_us();
    for (size_t i = 0; i < SHIM_PREFETCH_MAX; i++) {
        struct ahead one;
        if (!take_at(&one, i)) {
            continue;
        }
        struct dns_endpoints *answer = dns_https_finish(one.pending, 0, NULL);
        if (answer != NULL) {
            dns_endpoints_free(answer);
        } else if (now_us - one.begun_us > lookup->timeout_us) {
            dns_https_cancel(one.pending);
        } else {
            put_back(&one);
        }
    }
}

/* What is under way for this name, or a new look-up. */
static bool take_or_begin(const struct dns_lookup *lookup, const char *host, uint16_t port,
                          struct ahead *one)
{
    if (take(one, host, port)) {
        return true;
    }
    if (strlen(host) >= sizeof one->host) {
        return false;
    }
    *one = (struct ahead){.port = port, .begun_us = lookup->io->now_us()};
    memcpy(one->host, host, strlen(host) + 1);
    one->pending = dns_https_begin(lookup, host, port);
    return one->pending != NULL;
}

struct dns_endpoints *shim_prefetch_peek(const struct dns_lookup *lookup, const char *host,
                                         uint16_t port, uint64_t wait_until_us)
{
    struct ahead one;
    if (!take_or_begin(lookup, host, port, &one)) {
        return NULL;
    }
    struct dns_endpoints *answer = dns_https_finish(one.pending, wait_until_us, NULL);
    if (answer == NULL) {
        put_back(&one);
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
    struct ahead one;
    if (take(&one, host, port)) {
        one.addresses_us = lookup->io->now_us();
        dns_https_hurry(one.pending);
        put_back(&one);
    }
}

void shim_prefetch_drop(const char *host, uint16_t port)
{
    struct ahead one;
    if (take(&one, host, port)) {
        dns_https_cancel(one.pending);
    }
}

static uint64_t saturated_sum(uint64_t a, uint64_t b)
{
    return b < UINT64_MAX - a ? a + b : UINT64_MAX;
}

/* The answer, or that there is none yet and the program goes on. */
static struct dns_endpoints *wait_a_moment(const struct dns_lookup *lookup, struct ahead *one,
                                           struct dns_lookup_report *report)
{
    uint64_t from_us = one->addresses_us != 0 ? one->addresses_us : lookup->io->now_us();
    uint64_t until_us = saturated_sum(from_us, dns_https_patience_us(one->pending));
    dns_https_hurry(one->pending);
    struct dns_endpoints *answer = dns_https_finish(one->pending, until_us, report);
    if (answer != NULL) {
        return answer;
    }
    if (one->addresses_us != 0) {
        dns_https_note_silence(one->pending);
    }
    put_back(one);
    return dns_answer_new(DNS_FAILED, DNS_REASON_TIMEOUT);
}

struct dns_endpoints *shim_prefetch_https(const struct dns_lookup *lookup, const char *host,
                                          uint16_t port, enum shim_patience patience,
                                          struct dns_lookup_report *report)
{
    struct ahead one;
    if (patience == SHIM_IMPATIENT && take_or_begin(lookup, host, port, &one)) {
        return wait_a_moment(lookup, &one, report);
    }
    if (take(&one, host, port)) {
        struct dns_endpoints *answer = dns_https_finish(one.pending, UINT64_MAX, report);
        if (answer != NULL) {
            return answer;
        }
        /* The bound is the look-up's own, so this is one that could not be ended. */
        dns_https_cancel(one.pending);
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
