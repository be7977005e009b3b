/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers in a folder that the processes of one user share (ECHSHIM_CACHE). There are no locks: an
 * entry is a file, written whole under another name and then renamed. A reader trusts nothing that
 * it finds (dns/stored_answer.h).
 *
 * The digest of a key chooses the set of files that it may be in: "000.0" to "3ff.3". So the number
 * of files is bounded without counting them, and no file is named after a host. A new answer
 * replaces the older one, an unusable file, or the answer that would expire first. A file's time of
 * modification is when its answer expires. About once an hour a process that puts an answer looks
 * at every file and removes those that have expired.
 *
 * The folder must be ours alone: owned by the effective user, no symbolic link, without rights for
 * others. So must be each file, which has mode 0600. Files of other users are neither read nor
 * removed. Each call opens the path anew; no descriptor outlives the call.
 */
#ifndef DNS_CACHE_FOLDER_H
#define DNS_CACHE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/stored_answer.h"
#include "ech/status.h"

enum {
    DNS_FOLDER_SETS = 1024,
    DNS_FOLDER_WAYS = 4,       /* files of one set */
    DNS_FOLDER_SWEEP_S = 3600, /* between two looks at every file */
};

/* Constant once made; many threads may use it. */
struct dns_cache_folder {
    const char *path;                      /* absolute, borrowed */
    uint64_t (*now_s)(void);               /* seconds since 1970 */
    bool (*random)(void *out, size_t len); /* as in struct dns_io */
};

/* With the clock of the system. */
void dns_cache_folder_init(struct dns_cache_folder *folder, const char *path,
                           bool (*random)(void *out, size_t len));

/* Makes the folder if its parent is there. NULL: it can be used; else why not, as half a sentence
 * in static storage. Keeps errno, as the two functions below do. */
ECH_MUST_USE const char *dns_cache_folder_problem(const struct dns_cache_folder *folder);

/* A new reference to a live answer, or NULL. Its ttl is the time that is left. */
ECH_MUST_USE struct dns_endpoints *dns_cache_folder_get(const struct dns_cache_folder *folder,
                                                        const struct dns_cache_key *key);

/* Keeps the answer, which must not be DNS_FAILED, for dns_endpoints_lifetime. If anything fails,
 * the answer is not kept. */
void dns_cache_folder_put(const struct dns_cache_folder *folder, const struct dns_cache_key *key,
                          struct dns_endpoints *answer);

#endif
