/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reasons of a report line and what they mean; tools/scripts/make-reason-table makes the table
 * of docs/report.md.
 */
#ifndef TOOLS_ECHPROBE_REASON_TABLE_H
#define TOOLS_ECHPROBE_REASON_TABLE_H

#include <stddef.h>

struct reason {
    const char *word;
    const char *outcomes; /* the outcomes with which it means this */
    const char *sentence;
};
extern const struct reason reasons[];
extern const size_t reason_count;

#endif
