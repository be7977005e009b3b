/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/policy/downgrade.h"

#include "shim/engine/base/lock.h"

#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"

/* A name in its normal form; or an octet of 0, which no name has, and the octets of an address. */
struct key {
    const void *octets;
    size_t length;
    uint64_t hash;
};

struct entry {
    struct shim_table_node node;
    uint64_t until_us;
    size_t length;
    char key[]; /* of `length` octets */
};

enum { SWEEP_FIRST = 1024 };

static struct key key_of(const void *octets, size_t length)
{
    return (struct key){.octets = octets,
                        .length = length,
                        .hash = shim_table_hash(SHIM_TABLE_HASH, octets, length)};
}

/* `octets` needs room for an address and one octet more. */
static struct key key_of_address(const struct shim_address *address, char *octets)
{
    octets[0] = '\0';
    memcpy(octets + 1, address->octets, sizeof address->octets);
    return key_of(octets, sizeof address->octets + 1);
}

static struct entry *find(const struct shim_downgrade *downgrade, const struct key *key)
{
    struct shim_table_node *node = shim_table_find(&downgrade->table, key->hash);
    for (; node != NULL; node = shim_table_next(node)) {
        struct entry *entry = (struct entry *)node;
        if (entry->length == key->length && memcmp(entry->key, key->octets, key->length) == 0) {
            return entry;
        }
    }
    return NULL;
}

static bool is_over(struct shim_table_node *node, void *now_us)
{
    struct entry *entry = (struct entry *)node;
    if (entry->until_us > *(const uint64_t *)now_us) {
        return false;
    }
    free(entry);
    return true;
}

static void sweep(struct shim_downgrade *downgrade, uint64_t now_us)
{
    if (downgrade->table.count >= downgrade->sweep_at && downgrade->table.count >= SWEEP_FIRST) {
        shim_table_sweep(&downgrade->table, is_over, &now_us);
        downgrade->sweep_at = 2 * downgrade->table.count;
    }
}

/* Called under the lock. A later failure with a shorter lifetime does not shorten an entry's. */
static void note(struct shim_downgrade *downgrade, const struct key *key, uint64_t until_us)
{
    struct entry *entry = find(downgrade, key);
    if (entry == NULL) {
        entry = malloc(sizeof *entry + key->length);
        if (entry == NULL) {
            downgrade->blind = true;
            return;
        }
        *entry = (struct entry){.length = key->length};
        memcpy(entry->key, key->octets, key->length);
        shim_table_add(&downgrade->table, &entry->node, key->hash);
    }
    entry->until_us = entry->until_us > until_us ? entry->until_us : until_us;
}

void shim_downgrade_note(struct shim_downgrade *downgrade, const char *host,
                         const struct sockaddr *peer, uint32_t ttl, uint64_t now_us)
{
    struct shim_hold hold;
    char name[DNS_HOST_SIZE];
    char octets[sizeof(struct shim_address) + 1];
    struct shim_address address;
    bool named = dns_host_normal(host, name) && name[0] != '\0';
    bool addressed = shim_address_of(peer, &address);
    uint32_t seconds = ttl < SHIM_DOWNGRADE_MIN   ? SHIM_DOWNGRADE_MIN
                       : ttl > SHIM_DOWNGRADE_MAX ? SHIM_DOWNGRADE_MAX
                                                  : ttl;
    uint64_t until_us = now_us + (uint64_t)seconds * 1000000;
    shim_lock(&downgrade->lock, &hold);
    sweep(downgrade, now_us);
    if (named) {
        struct key key = key_of(name, strlen(name));
        note(downgrade, &key, until_us);
    }
    if (addressed) {
        struct key key = key_of_address(&address, octets);
        note(downgrade, &key, until_us);
    }
    shim_unlock(&downgrade->lock, &hold);
}

bool shim_downgrade_forbids(struct shim_downgrade *downgrade, const char *host,
                            const struct sockaddr *peer, uint64_t now_us)
{
    struct shim_hold hold;
    char name[DNS_HOST_SIZE] = "";
    struct shim_address address;
    struct key key = {0};
    if (host != NULL && *host != '\0') {
        /* ECH cannot have been tried for a name that is too long. */
        key = dns_host_normal(host, name) ? key_of(name, strlen(name)) : key;
    } else if (shim_address_of(peer, &address)) {
        key = key_of_address(&address, name);
    }
    shim_lock(&downgrade->lock, &hold);
    const struct entry *entry = key.length > 0 ? find(downgrade, &key) : NULL;
    bool forbids = downgrade->blind || (entry != NULL && entry->until_us > now_us);
    shim_unlock(&downgrade->lock, &hold);
    return forbids;
}

void shim_downgrade_before_fork(struct shim_downgrade *downgrade)
{
    (void)pthread_mutex_lock(&downgrade->lock);
}

void shim_downgrade_after_fork(struct shim_downgrade *downgrade)
{
    (void)pthread_mutex_unlock(&downgrade->lock);
}
