/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Such a note is an entry of the folder like any other, under a key that no question to a resolver
 * has: "no record", or a record with the list. Its name of a resolver is made of what the note is
 * bound to.
 */
#include "shim/engine/config/rejection_share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache_folder.h"
#include "ech/config.h"
#include "ech/crypto.h"

#define DISABLED "disabled "
#define REPLACED "replaced "

enum { DIGEST = 32, KIND = sizeof DISABLED - 1, ID_SIZE = KIND + (size_t)2 * DIGEST + 1 };
_Static_assert(sizeof REPLACED == sizeof DISABLED, "of one length");

/* The kind and a digest of port, endpoint and list, in hexadecimal. */
static bool write_id(const char *kind, const struct shim_rejection_source *source, char id[ID_SIZE])
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
    memcpy(id, kind, KIND);
    for (size_t i = 0; i < DIGEST; i++) {
        (void)snprintf(id + KIND + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return true;
}

struct place {
    char id[ID_SIZE];
    struct dns_question question;
    struct dns_cache_key key; /* borrows the two above */
};

/* False: there is nothing to share with. */
static bool find_place(const struct dns_lookup *lookup, const char *kind,
                       const struct shim_rejection_source *source, struct place *place)
{
    uint64_t network;
    if (lookup->cache == NULL || source->host[0] == '\0' ||
        !dns_cache_shares(lookup->cache, lookup->io->now_us(), &network) ||
        !write_id(kind, source, place->id) ||
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
    if (seconds == 0 || !find_place(lookup, DISABLED, source, &place)) {
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
    if (!find_place(lookup, DISABLED, source, &place)) {
        return 0;
    }
    struct dns_endpoints *note = dns_cache_folder_get(lookup->cache->folder, &place.key);
    uint32_t seconds = note != NULL && note->result == DNS_NONE ? note->ttl : 0;
    dns_endpoints_free(note);
    return seconds;
}

void shim_rejection_share_put_list(const struct dns_lookup *lookup,
                                   const struct shim_rejection_source *source,
                                   struct bytes retry_configs, uint32_t seconds)
{
    struct place place;
    if (seconds == 0 || !find_place(lookup, REPLACED, source, &place)) {
        return;
    }
    const struct https_rr record = {
        .priority = 1, .target = place.question.qname, .ech = retry_configs};
    const struct dns_answer_origin origin = {.owner = &place.question.qname, .port = source->port};
    struct dns_endpoints *note = dns_answer_from_records(&record, 1, &origin);
    if (note != NULL) {
        note->ttl = seconds;
        dns_cache_folder_put(lookup->cache->folder, &place.key, note);
        dns_endpoints_free(note);
    }
}

uint32_t shim_rejection_share_get_list(const struct dns_lookup *lookup,
                                       const struct shim_rejection_source *source, uint8_t **list,
                                       size_t *length)
{
    struct place place;
    uint32_t seconds = 0;
    if (!find_place(lookup, REPLACED, source, &place)) {
        return 0;
    }
    struct dns_endpoints *note = dns_cache_folder_get(lookup->cache->folder, &place.key);
    struct bytes found = note != NULL && note->result == DNS_FOUND && note->count == 1
                             ? note->endpoints[0].ech_config_list
                             : (struct bytes){0};
    if (found.len > 0 && ech_config_list_check(found) == ECH_OK) {
        *list = malloc(found.len);
        if (*list != NULL) {
            memcpy(*list, found.data, found.len);
            *length = found.len;
            seconds = note->ttl;
        }
    }
    dns_endpoints_free(note);
    return seconds;
}
