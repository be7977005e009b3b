/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shows the journal of a try as a time line, with a sentence for its outcome. */
#ifndef TOOLS_ECHPROBE_TEXT_H
#define TOOLS_ECHPROBE_TEXT_H

#include <jansson.h>
#include <stdio.h>

void probe_text_print(FILE *out, const json_t *journal);

/* What a reason of a report line means; "" for a word that is none. `outcome` decides between two
 * meanings of one word. From docs/report.md. */
const char *reason_sentence(const char *outcome, const char *reason);

/* What to do about it; "": nothing in particular. */
const char *reason_advice(const char *outcome, const char *reason);

#endif
