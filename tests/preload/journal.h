/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_JOURNAL_H
#define TESTS_PRELOAD_JOURNAL_H

#include <jansson.h>

#include "world.h"

/* Puts an empty folder where the journal's socket is, for this world alone. Skips the test where
 * mounts are not possible. */
void journal_hide(struct world *world);
/* The same, with a stand-in for systemd-journald (journal.py); `how` is "reads" or "deaf". */
void journal_start(struct world *world, const char *how);
/* The entries so far, an array of objects. Waits up to two seconds for `at_least` of them. */
json_t *journal_entries(const struct world *world, size_t at_least);
/* A field of an entry; NULL: the entry does not have it. */
const char *journal_value(const json_t *entries, size_t index, const char *field);

#endif
