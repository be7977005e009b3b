/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words of the report in words for people (shim/common/words.def). All texts are static, of one
 * line of ASCII.
 */
#ifndef SHIM_COMMON_WORDS_H
#define SHIM_COMMON_WORDS_H

#include <stddef.h>

/* What an outcome means; the word itself if it is not known. */
const char *shim_outcome_in_words(const char *outcome);
/* What a reason means with this outcome; the word itself if it is not known. */
const char *shim_reason_in_words(const char *outcome, const char *reason);
/* Why an ECHConfig is not used: of ech_config_verdict_name; the word itself if it is not known. */
const char *shim_verdict_in_words(const char *verdict);

/* The word of an outcome by its place in the list, for summaries; NULL: the list has ended. */
const char *shim_outcome(size_t index);

#endif
