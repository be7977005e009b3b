/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/words.h"

#include <string.h>

enum kind { KIND_OUTCOME, KIND_REASON, KIND_VERDICT };

struct text {
    enum kind kind;
    const char *outcome; /* the text holds with this one alone; NULL: with every one */
    const char *word;
    const char *text;
};

/* The outcomes come first. */
static const struct text texts[] = {
#define OUTCOME(word, text) {KIND_OUTCOME, NULL, #word, text},
#define REASON(word, text) {KIND_REASON, NULL, #word, text},
#define REASON_OF(outcome, word, text) {KIND_REASON, #outcome, #word, text},
#define VERDICT(word, text) {KIND_VERDICT, NULL, #word, text},
#include "shim/common/words.def"
#undef OUTCOME
#undef REASON
#undef REASON_OF
#undef VERDICT
};

enum { TEXTS = sizeof texts / sizeof *texts };

static const char *find(enum kind kind, const char *outcome, const char *word)
{
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i].kind == kind && strcmp(texts[i].word, word) == 0 &&
            (texts[i].outcome == NULL || strcmp(texts[i].outcome, outcome) == 0)) {
            return texts[i].text;
        }
    }
    return word;
}

const char *shim_outcome_in_words(const char *outcome)
{
    return find(KIND_OUTCOME, "", outcome);
}

const char *shim_reason_in_words(const char *outcome, const char *reason)
{
    return find(KIND_REASON, outcome, reason);
}

const char *shim_verdict_in_words(const char *verdict)
{
    return find(KIND_VERDICT, "", verdict);
}

const char *shim_outcome(size_t index)
{
    return index < TEXTS && texts[index].kind == KIND_OUTCOME ? texts[index].word : NULL;
}
