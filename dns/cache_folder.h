/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers in a folder that the processes of one user share (ECHSHIM_CACHE). There are no locks:
 * an entry is a file, written whole under another name and then renamed, and what is read may be
 * anything (dns/stored_answer.h).
 *
 * A key has a set of files to be in, by its digest: "000.0" to "3ff.3". So the number of files is
 * bounded without counting them, and no name of a host is the name of a file. A new answer takes
 * the place of the older one, of a file that is good for nothing, or of the answer that would
 * expire first. The time of modification of a file is when its answer expires: about once an hour
 * somebody who puts an answer looks at that of every file, so that what nobody asks for any more
 * goes too.
 *
 * The folder must be ours alone: owned by the effective user, no symbolic link, without rights for
 * others. So must be each file, which has mode 0600. What belongs to somebody else is neither read
 * nor removed. The path is opened anew for each call; no descriptor outlives it.
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

/* Constant once made; may serve many threads. */
struct dns_cache_folder {
    const char *path;                      /* absolute, borrowed */
    uint64_t (*now_s)(void);               /* seconds since 1970 */
    bool (*random)(void *out, size_t len); /* as in struct dns_io */
};

/* With the clock of the system. */
void dns_cache_folder_init(struct dns_cache_folder *folder, const char *path,
                           bool (*random)(void *out, size_t len));

/* Makes the folder if its parent is there. NULL: it can be used; else why not, half a sentence in
 * static storage. errno is kept, as by the two others. */
ECH_MUST_USE const char *dns_cache_folder_problem(const struct dns_cache_folder *folder);

/* A new reference to a live answer, whose ttl is what is left of it, or NULL. */
ECH_MUST_USE struct dns_endpoints *dns_cache_folder_get(const struct dns_cache_folder *folder,
                                                        const struct dns_cache_key *key);

/* Keeps the answer, which is no DNS_FAILED, for dns_endpoints_lifetime; or does not, if anything
 * is in the way. */
void dns_cache_folder_put(const struct dns_cache_folder *folder, const struct dns_cache_key *key,
                          struct dns_endpoints *answer);

#endif
