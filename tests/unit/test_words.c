/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of the report for people. */
#include "shim/common/words.h"

#include <criterion/criterion.h>
#include <string.h>

/* A line of a table, a log and a page: one line of printable ASCII. */
static void check_text(const char *text)
{
    enum { WIDEST = 48 };
    cr_assert(*text != '\0' && strlen(text) <= WIDEST, "%s", text);
    for (const char *at = text; *at != '\0'; at++) {
        cr_assert(*at >= 0x20 && *at <= 0x7e, "%s", text);
    }
}

Test(words, every_word_has_its_own_text)
{
#define OUTCOME(word, text)                                                                        \
    check_text(text);                                                                              \
    cr_assert_str_eq(shim_outcome_in_words(#word), text);
#define REASON(word, text)                                                                         \
    check_text(text);                                                                              \
    cr_assert_str_eq(shim_reason_in_words("grease", #word), text);
#define REASON_OF(outcome, word, text)                                                             \
    check_text(text);                                                                              \
    cr_assert_str_eq(shim_reason_in_words(#outcome, #word), text);
#define VERDICT(word, text)                                                                        \
    check_text(text);                                                                              \
    cr_assert_str_eq(shim_verdict_in_words(#word), text);
#include "shim/common/words.def"
#undef OUTCOME
#undef REASON
#undef REASON_OF
#undef VERDICT
}

Test(words, unknown_words_stay)
{
    const char *word = "of_the_future";
    cr_assert_eq(shim_outcome_in_words(word), word);
    cr_assert_eq(shim_reason_in_words("plain", word), word);
    cr_assert_eq(shim_verdict_in_words(word), word);
}

Test(words, outcomes_by_their_place)
{
    size_t count = 0;
    while (shim_outcome(count) != NULL) {
        count++;
    }
    cr_assert_eq(count, 8u);
    cr_assert_str_eq(shim_outcome(0), "accepted");
    cr_assert_null(shim_outcome(count + 1000));
}
