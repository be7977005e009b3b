/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A zone of bad cases: what a broken or hostile resolver may answer, and what a look-up must make
 * of it, by every transport. The first label of the name chooses the case.
 */
#ifndef TESTS_UNIT_BAD_ANSWERS_H
#define TESTS_UNIT_BAD_ANSWERS_H

#include "dns/answer.h"
#include "tests/unit/dns_responder.h"

/* Transports, as bits. */
enum {
    BY_UDP = 1,
    BY_TCP = 2,
    BY_TLS = 4,
    BY_HTTPS = 8,
    BY_ALL = BY_UDP | BY_TCP | BY_TLS | BY_HTTPS,
};

struct bad_case {
    const char *label;
    unsigned by; /* where that can be done */
    enum dns_result result;
    enum dns_reason reason;
    size_t count; /* of endpoints */
};

extern const struct bad_case bad_cases[];
extern const size_t bad_case_count;

/* The delay of an answer to the label "late", and the bound on the time of a look-up. */
enum { BAD_LATE_MS = 500, BAD_BOUND_MS = 300 };

responder_fn bad_answer;

#endif
