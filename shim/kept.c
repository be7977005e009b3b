/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/name.h"

enum { KEPT_MAX = 64 };

struct kept {
    char host[DNS_HOST_SIZE];
    uint16_t port;
    struct writer endpoint;
    uint64_t until_us; /* 0: a free place */
    struct writer source;
    struct writer retry_configs; /* empty: disabled */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept table[KEPT_MAX];

void shim_kept_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void shim_kept_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static void forget(struct kept *one)
{
    wr_free(&one->endpoint);
    wr_free(&one->source);
    wr_free(&one->retry_configs);
    one->until_us = 0;
}

static struct bytes endpoint_of(const struct shim_kept_source *source)
{
    return bytes_of(source->endpoint, strlen(source->endpoint));
}

static bool is_of(const struct kept *one, const struct shim_kept_source *source)
{
    return one->until_us != 0 && one->port == source->port &&
           strcasecmp(one->host, source->host) == 0 &&
           bytes_equal(wr_view(&one->endpoint), endpoint_of(source)) &&
           bytes_equal(wr_view(&one->source), source->ech_config_list);
}

/* The entry of the same source, else a free one, else the one that ends first. */
static struct kept *place_for(const struct shim_kept_source *source)
{
    struct kept *first = &table[0];
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (is_of(&table[i], source)) {
            return &table[i];
        }
        if (table[i].until_us < first->until_us) {
            first = &table[i];
        }
    }
    return first;
}

void shim_kept_put(const struct shim_kept_source *source, struct bytes retry_configs,
                   uint64_t now_us, uint64_t lifetime_us)
{
    if (strlen(source->host) >= DNS_HOST_SIZE) {
        return;
    }
    pthread_mutex_lock(&lock);
    struct kept *one = place_for(source);
    forget(one);
    memcpy(one->host, source->host, strlen(source->host) + 1);
    one->port = source->port;
    wr_init(&one->endpoint, 0);
    wr_init(&one->source, 0);
    wr_init(&one->retry_configs, 0);
    wr_bytes(&one->endpoint, endpoint_of(source));
    wr_bytes(&one->source, source->ech_config_list);
    wr_bytes(&one->retry_configs, retry_configs);
    if (wr_finish(&one->endpoint) == ECH_OK && wr_finish(&one->source) == ECH_OK &&
        wr_finish(&one->retry_configs) == ECH_OK) {
        one->until_us = now_us + lifetime_us;
    } else {
        forget(one);
    }
    pthread_mutex_unlock(&lock);
}

enum shim_kept_kind shim_kept_get(const struct shim_kept_source *source, uint64_t now_us,
                                  uint8_t **retry_configs, size_t *length)
{
    enum shim_kept_kind kind = SHIM_KEPT_NOTHING;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *one = &table[i];
        if (one->until_us != 0 && one->until_us <= now_us) {
            forget(one);
        }
        if (!is_of(one, source)) {
            continue;
        }
        struct bytes list = wr_view(&one->retry_configs);
        uint8_t *copy = list.len > 0 ? malloc(list.len) : NULL;
        if (list.len == 0) {
            kind = SHIM_KEPT_DISABLED;
        } else if (copy != NULL) {
            memcpy(copy, list.data, list.len);
            *retry_configs = copy;
            *length = list.len;
            kind = SHIM_KEPT_RETRY_CONFIGS;
        }
        break;
    }
    pthread_mutex_unlock(&lock);
    return kind;
}
