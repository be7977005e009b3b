/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "judge.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNALLED = 128, SIGNALS = 64, OUTCOME_SIZE = 96 };

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICTS] = {"same", "refused", "broken", "leak"};
    return names[verdict];
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---- what the report says ---- */

/* The next item of a list of outcomes: copies its text without the count, returns the count, and
 * moves *at behind the item; 0 at the end. */
static unsigned next_outcome(const char **at, char text[static OUTCOME_SIZE])
{
    unsigned count = 1;
    if (**at == '\0') {
        return 0;
    }
    size_t len = strcspn(*at, ",");
    snprintf(text, OUTCOME_SIZE, "%.*s", (int)len, *at);
    *at += len;
    *at += strspn(*at, ", ");
    char *times = strstr(text, " x");
    if (times != NULL && isdigit((unsigned char)times[2])) {
        count = (unsigned)strtoul(times + 2, NULL, 10);
        *times = '\0';
    }
    return count;
}

static void append(char outcomes[static OUTCOMES_SIZE], const char *text, unsigned count)
{
    size_t len = strlen(outcomes);
    const char *between = len > 0 ? ", " : "";
    if (count > 1) {
        snprintf(outcomes + len, OUTCOMES_SIZE - len, "%s%s x%u", between, text, count);
    } else {
        snprintf(outcomes + len, OUTCOMES_SIZE - len, "%s%s", between, text);
    }
}

void outcome_add(char outcomes[static OUTCOMES_SIZE], const char *outcome, const char *reason,
                 bool after_a_retry)
{
    char added[OUTCOME_SIZE];
    char text[OUTCOME_SIZE];
    char before[OUTCOMES_SIZE];
    bool found = false;
    unsigned count;
    snprintf(added, sizeof added, "%s%s%s%s", outcome, reason != NULL ? ": " : "",
             reason != NULL ? reason : "", after_a_retry ? " after a retry" : "");
    snprintf(before, sizeof before, "%s", outcomes);
    *outcomes = '\0';
    for (const char *at = before; (count = next_outcome(&at, text)) > 0;) {
        bool same = strcmp(text, added) == 0;
        append(outcomes, text, same ? count + 1 : count);
        found = found || same;
    }
    if (!found) {
        append(outcomes, added, 1);
    }
}

static bool has_outcome(const char *outcomes, const char *wanted)
{
    char text[OUTCOME_SIZE];
    for (const char *at = outcomes; next_outcome(&at, text) > 0;) {
        if (strcmp(text, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* Every outcome is expected, and the first of the expected ones is there. */
static bool outcomes_are(const char *outcomes, const char *expected)
{
    char first[OUTCOME_SIZE] = "";
    char text[OUTCOME_SIZE];
    const char *items = expected;
    (void)next_outcome(&items, first);
    bool retried = strcmp(first, "accepted after a retry") == 0;
    for (const char *at = outcomes; next_outcome(&at, text) > 0;) {
        if (!has_outcome(expected, text) && !(retried && strcmp(text, "accepted") == 0)) {
            return false;
        }
    }
    return *first == '\0' || has_outcome(outcomes, first);
}

/* ---- what the program wrote ---- */

/* Messages may contain times, process numbers and sizes, which differ from run to run. */
static bool is_same_text(const char *a, const char *b, bool with_digits)
{
    for (;;) {
        if (!with_digits) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        }
        if (*a != *b) {
            return false;
        }
        if (*a == '\0') {
            return true;
        }
        a++;
        b++;
    }
}

static const char *crash_in(const char *text)
{
    static const char *const words[] = {"Segmentation fault", "Aborted", "core dumped", "Bus error",
                                        "Illegal instruction"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(text, words[i]) != NULL) {
            return words[i];
        }
    }
    return NULL;
}

bool run_was_served(const struct run_seen *run, const char *says)
{
    return !run->timed_out && (strstr(run->out, says) != NULL || strstr(run->err, says) != NULL);
}

/* ---- the judgement ---- */

static enum verdict say(enum verdict verdict, char reason[static REASON_SIZE], const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

static enum verdict say(enum verdict verdict, char reason[static REASON_SIZE], const char *format,
                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, REASON_SIZE, format, arguments);
    va_end(arguments);
    return verdict;
}

static bool is_error(const char *expected)
{
    return starts_with(expected, "refused") || starts_with(expected, "rejected") ||
           starts_with(expected, "failed");
}

/* The name may be visible where the expected outcome says so, or where the shim has no part. */
static bool may_be_visible(const char *expected)
{
    return *expected == '\0' || starts_with(expected, "grease") || starts_with(expected, "plain") ||
           starts_with(expected, "disabled");
}

/* What a run must never do, whatever the shim decides. */
static const char *misbehaviour(const struct run_seen *baseline, const struct run_seen *run)
{
    if (run->timed_out) {
        return "it did not end in time";
    }
    if (run->exit_code > SIGNALLED && run->exit_code <= SIGNALLED + SIGNALS &&
        run->exit_code != baseline->exit_code) {
        return "a signal ended it";
    }
    return crash_in(baseline->err) == NULL ? crash_in(run->err) : NULL;
}

bool runs_are_alike(const struct run_seen *baseline, const struct run_seen *run,
                    char reason[static REASON_SIZE])
{
    *reason = '\0';
    if (run->exit_code != baseline->exit_code) {
        snprintf(reason, REASON_SIZE, "exit status %d, not %d", run->exit_code,
                 baseline->exit_code);
    } else if (!is_same_text(run->out, baseline->out, true)) {
        snprintf(reason, REASON_SIZE, "it wrote another output");
    } else if (!is_same_text(run->err, baseline->err, false)) {
        snprintf(reason, REASON_SIZE, "it wrote other messages");
    }
    return *reason == '\0';
}

enum verdict judge(const struct run_seen *baseline, const struct run_seen *run, const char *says,
                   const char *expected, char reason[static REASON_SIZE])
{
    const char *wrong = misbehaviour(baseline, run);
    *reason = '\0';
    if (run->visible && !may_be_visible(expected)) {
        return say(VERDICT_LEAK, reason, "the name was in the clear; reported: %s", run->outcomes);
    }
    if (wrong != NULL) {
        return say(VERDICT_BROKEN, reason, "%s (exit status %d); reported: %s", wrong,
                   run->exit_code, run->outcomes);
    }
    if (!outcomes_are(run->outcomes, expected)) {
        return say(VERDICT_BROKEN, reason, "reported: %s; expected: %s", run->outcomes, expected);
    }
    if (is_error(expected)) {
        return run_was_served(run, says)
                   ? say(VERDICT_BROKEN, reason, "it was served, though %s", expected)
                   : VERDICT_REFUSED;
    }
    return runs_are_alike(baseline, run, reason) ? VERDICT_SAME : VERDICT_BROKEN;
}
