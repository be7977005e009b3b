/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_KEY_WATCHES_H
#define TESTS_UNIT_KEY_WATCHES_H

#include <stdint.h>

/* The stub's watch_keys, for the one shim_state of the unit tests. */
uint64_t test_watch_keys(uint64_t watch);

#endif
