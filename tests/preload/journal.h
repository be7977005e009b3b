/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_JOURNAL_H
#define TESTS_PRELOAD_JOURNAL_H

#include <jansson.h>

#include "world.h"

/* Puts an empty folder in the place where the journal's socket is, for this world alone; the test
 * is skipped where nothing can be mounted. */
void journal_hide(struct world *world);
/* The same, with a stand-in for systemd-journald that "reads", or is "deaf" (journal.py). */
void journal_start(struct world *world, const char *how);
/* What has come, an array of objects; waits until there are `at_least`, up to two seconds. */
json_t *journal_entries(const struct world *world, size_t at_least);
/* A field of an entry, NULL where there is none. */
const char *journal_value(const json_t *entries, size_t index, const char *field);

#endif
