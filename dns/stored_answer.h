/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An answer as octets, for a cache that outlives the process: with the whole key that it was found
 * under, its time, and a digest over all. Pure. Octets that we wrote may come back as anything: a
 * file can be cut, overwritten, or of another version.
 *
 *     magic[8] version:u16 stored_s:u64 expires_s:u64
 *     network:u64 resolver_id<0..2^16-1> qname type:u16
 *     result:u8 reason<0..255> flags:u8 count:u16
 *     count times { target flags:u8 port:u16 priority:u16 alpn ech ipv4hint ipv6hint, each
 *                   <0..2^16-1> }
 *     SHA-256[32] of all before
 *
 * Numbers are big-endian, names as on the wire of the DNS, reasons the words of dns_reason_name.
 */
#ifndef DNS_STORED_ANSWER_H
#define DNS_STORED_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/message.h"
#include "ech/status.h"
#include "ech/wire.h"

enum {
    DNS_STORED_VERSION = 1,
    DNS_STORED_MAX = 16384, /* octets of the whole; a larger answer is not stored */
    DNS_STORED_DIGEST = 32, /* octets */
};

/* The key of an answer. All borrowed. */
struct dns_cache_key {
    uint64_t network;        /* dns_network_id */
    const char *resolver_id; /* dns_servers_id */
    const struct dns_question *question;
};

/* A stored answer. Times are seconds since 1970. */
struct dns_stored {
    uint64_t stored_s;
    uint64_t expires_s;
    struct dns_endpoints *answer; /* one reference, owned; NULL: kept under another key */
};

/* Appends the answer, which must not be DNS_FAILED. ECH_ERR_NOMEM, ECH_ERR_SPACE: more than
 * DNS_STORED_MAX, or than the writer's bound. */
ECH_MUST_USE enum ech_status dns_stored_encode(struct writer *w, const struct dns_cache_key *key,
                                               const struct dns_stored *stored);

/*
 * Reads octets of dns_stored_encode; the answer only if its key is this one. Its ttl is expires_s -
 * stored_s; the caller checks whether the times make sense. ECH_ERR_UNSUPPORTED: another version;
 * ECH_ERR_DECODE: any other damage; ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status dns_stored_parse(struct bytes octets, const struct dns_cache_key *key,
                                              struct dns_stored *stored);

/* SHA-256 of the key as it is written. */
ECH_MUST_USE enum ech_status dns_cache_key_digest(const struct dns_cache_key *key,
                                                  uint8_t digest[DNS_STORED_DIGEST]);

#endif
