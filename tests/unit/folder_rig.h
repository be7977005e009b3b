/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For each test, a folder of shared answers that does not exist yet, and a separate clock. */
#ifndef TESTS_UNIT_FOLDER_RIG_H
#define TESTS_UNIT_FOLDER_RIG_H

#include "dns/cache_folder.h"

enum { RIG_START_S = 1700000000, RIG_SOMEBODY = 4711 /* a user who is not us */ };

extern char rig_parent[64];
extern char rig_path[80];
extern uint64_t rig_time; /* seconds since 1970 */
extern struct dns_cache_folder rig_folder;
extern struct dns_question rig_question; /* of rig_key */
extern struct dns_cache_key rig_key;

void rig_setup(void);
void rig_teardown(void);

/* Put and get under rig_key; the test fails if errno or the descriptors change. rig_put takes
 * ownership of the answer. */
void rig_put(struct dns_endpoints *answer);
struct dns_endpoints *rig_get(void);
bool rig_has(void);
/* The same for another name. */
void rig_put_named(const char *name, uint32_t ttl);
bool rig_has_named(const char *name);

/* The path of an entry, "" if there is none; valid until the next call. */
const char *rig_entry(void);
/* Number of files with this prefix. */
unsigned rig_count(const char *prefix);

#endif
