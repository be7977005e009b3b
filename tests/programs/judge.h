/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PROGRAMS_JUDGE_H
#define TESTS_PROGRAMS_JUDGE_H

/* One run of a program, and whether it may be as it was. No input or output. */

#include <stdbool.h>
#include <stddef.h>

enum { OUTCOMES_SIZE = 512, REASON_SIZE = 2048 };

struct run_seen {
    int exit_code;
    bool timed_out;
    const char *out;
    const char *err;
    /* What the report says: outcome_text's words for each handshake, in the order of their first
     * appearance, with a count where one happened more than once; "" without a line. */
    char outcomes[OUTCOMES_SIZE];
    /* The inner name stood in octets from the program to the server, or (with a resolver that
     * encrypts) in a question to port 53. */
    bool visible;
};

enum verdict {
    VERDICT_SAME,    /* what it wrote and its exit status are those without the shim */
    VERDICT_REFUSED, /* it got an error, the one that was expected, and took it as one */
    VERDICT_BROKEN,
    VERDICT_LEAK
};
#define VERDICTS (VERDICT_LEAK + 1)

/* "same" and so on. */
const char *verdict_name(enum verdict verdict);

/* Adds one handshake to the text of `outcomes`. `reason` may be NULL. */
void outcome_add(char outcomes[static OUTCOMES_SIZE], const char *outcome, const char *reason,
                 bool after_a_retry);

/* Whether without the shim the program got what it wanted: `says` stands in what it wrote. */
bool run_was_served(const struct run_seen *run, const char *says);

/* Judges `run` beside `baseline`, the same command without the shim. `expected` is what the report
 * should say: the first of its items has to be there, the others may, as "accepted" may behind
 * "accepted after a retry". Unless the verdict is that all is well, `reason` tells why not. */
enum verdict judge(const struct run_seen *baseline, const struct run_seen *run, const char *says,
                   const char *expected, char reason[static REASON_SIZE]);

/* Whether two runs were the same for whoever started them: exit status, output, messages but for
 * the numbers in them. If not, `reason` tells how. */
bool runs_are_alike(const struct run_seen *baseline, const struct run_seen *run,
                    char reason[static REASON_SIZE]);

#endif
