/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Such a note is an entry of the folder like any other: "no record", under a key that no question
 * to a resolver has. Its name of a resolver is made of what the note is bound to.
 */
#include "shim/engine/config/rejection_share.h"

#include <stdio.h>
#include <string.h>

#include "dns/cache_folder.h"
#include "ech/crypto.h"

#define KIND "disabled "

enum { DIGEST = 32, ID_SIZE = sizeof KIND + (size_t)2 * DIGEST };

/* "disabled " and a digest of port, endpoint and list, in hexadecimal. */
static bool write_id(const struct shim_rejection_source *source, char id[ID_SIZE])
{
    uint8_t digest[ECH_HASH_MAX];
    const uint8_t port[] = {(uint8_t)(source->port >> 8), (uint8_t)source->port};
    const struct bytes parts[] = {
        bytes_of(port, sizeof port),
        bytes_of(source->endpoint, strlen(source->endpoint) + 1),
        source->ech_config_list,
    };
    if (ech_hash_parts(ECH_HASH_SHA256, parts, sizeof parts / sizeof *parts, digest) != ECH_OK) {
        return false;
    }
    memcpy(id, KIND, sizeof KIND);
    for (size_t i = 0; i < DIGEST; i++) {
        (void)snprintf(id + (sizeof KIND - 1) + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return true;
}

struct place {
    char id[ID_SIZE];
    struct dns_question question;
    struct dns_cache_key key; /* borrows the two above */
};

/* False: there is nothing to share with. */
static bool find_place(const struct dns_lookup *lookup, const struct shim_rejection_source *source,
                       struct place *place)
{
    uint64_t network;
    if (lookup->cache == NULL || source->host[0] == '\0' ||
        !dns_cache_shares(lookup->cache, lookup->io->now_us(), &network) ||
        !write_id(source, place->id) ||
        dns_name_of_host(source->host, &place->question.qname) != ECH_OK) {
        return false;
    }
    place->question.type = DNS_TYPE_HTTPS;
    place->key = (struct dns_cache_key){
        .network = network,
        .resolver_id = place->id,
        .question = &place->question,
    };
    return true;
}

void shim_rejection_share_put(const struct dns_lookup *lookup,
                              const struct shim_rejection_source *source, uint32_t seconds)
{
    struct place place;
    if (seconds == 0 || !find_place(lookup, source, &place)) {
        return;
    }
    struct dns_endpoints *note = dns_answer_new(DNS_NONE, DNS_REASON_NODATA);
    if (note != NULL) {
        note->ttl = seconds;
        dns_cache_folder_put(lookup->cache->folder, &place.key, note);
        dns_endpoints_free(note);
    }
}

uint32_t shim_rejection_share_get(const struct dns_lookup *lookup,
                                  const struct shim_rejection_source *source)
{
    struct place place;
    if (!find_place(lookup, source, &place)) {
        return 0;
    }
    struct dns_endpoints *note = dns_cache_folder_get(lookup->cache->folder, &place.key);
    uint32_t seconds = note != NULL && note->result == DNS_NONE ? note->ttl : 0;
    dns_endpoints_free(note);
    return seconds;
}
