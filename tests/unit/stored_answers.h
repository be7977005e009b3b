/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_STORED_ANSWERS_H
#define TESTS_UNIT_STORED_ANSWERS_H

#include "dns/answer.h"

/* Two endpoints with every field set; only the first has an ECHConfigList. */
struct dns_endpoints *answer_with_endpoints(void);

/* Compares all but ttl, size and references; the test fails if they differ. */
void assert_same_answer(const struct dns_endpoints *actual, const struct dns_endpoints *expected);

#endif
