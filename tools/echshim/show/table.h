/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report as a table, or as JSON. */
#ifndef TOOLS_ECHSHIM_SHOW_TABLE_H
#define TOOLS_ECHSHIM_SHOW_TABLE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints the report's lines as a table, or as one JSON document. Reads `report` from where it is,
 * and a table twice; NULL is an empty report. The memory that it needs does not grow with the
 * report. False: a line was not one of ours and was left out.
 */
bool table_print(FILE *out, FILE *report, bool json, bool color);

#endif
