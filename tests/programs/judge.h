/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PROGRAMS_JUDGE_H
#define TESTS_PROGRAMS_JUDGE_H

/* Judges one run of a program. No input or output. */

#include <stdbool.h>
#include <stddef.h>

enum { OUTCOMES_SIZE = 512, REASON_SIZE = 2048 };

struct run_seen {
    int exit_code;
    bool timed_out;
    const char *out;
    const char *err;
    /* What the report says: outcome_text's words for each handshake, in the order of first
     * appearance, with a count if there were several; "" without a line. */
    char outcomes[OUTCOMES_SIZE];
    /* The inner name appeared in octets from the program to the server, or (with an encrypting
     * resolver) in a question to port 53. */
    bool visible;
};

enum verdict {
    VERDICT_SAME,    /* output and exit status are those without the shim */
    VERDICT_REFUSED, /* it got the expected error, and took it as one */
    VERDICT_BROKEN,
    VERDICT_LEAK
};
#define VERDICTS (VERDICT_LEAK + 1)

/* "same" and so on. */
const char *verdict_name(enum verdict verdict);

/* Adds one handshake to the text of `outcomes`. `reason` may be NULL. */
void outcome_add(char outcomes[static OUTCOMES_SIZE], const char *outcome, const char *reason,
                 bool after_a_retry);

/* True: the program got what it wanted without the shim, so that `says` is in its output. */
bool run_was_served(const struct run_seen *run, const char *says);

/* Judges `run` beside `baseline`, the same command without the shim. `expected` lists what the
 * report should say: its first item is required, the others are allowed, as "accepted" behind
 * "accepted after a retry". Unless the verdict is good, `reason` says why. */
enum verdict judge(const struct run_seen *baseline, const struct run_seen *run, const char *says,
                   const char *expected, char reason[static REASON_SIZE]);

/* True: two runs look the same to whoever started them: exit status, output, and messages except
 * for numbers. If not, `reason` says how they differ. */
bool runs_are_alike(const struct run_seen *baseline, const struct run_seen *run,
                    char reason[static REASON_SIZE]);

#endif
