/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report as one HTML page. It needs no other file and no network, has no script, and its
 * Content-Security-Policy allows neither. Names and other texts of programs are escaped.
 */
#ifndef TOOLS_ECHSHIM_SHOW_PAGE_H
#define TOOLS_ECHSHIM_SHOW_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/* Why no page can be written to this file, as a sentence without its stop; NULL: it can. */
const char *page_obstacle(const char *file);
/*
 * Writes the page of a report, from where it is, which it reads three times; NULL is an empty
 * report. `title` names the program. The file gets mode 0600, and comes in the place of what is
 * there when it is complete: a symbolic link is not followed. False, with errno: nothing was
 * changed.
 */
bool page_write(const char *file, FILE *report, const char *title);

#endif
