/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The live view of echshim --watch. It has two forms:
 *
 * Lines: a line for each handshake when it is known, as strace writes its lines. The program writes
 * to the same terminal, and nothing of it is overwritten.
 *
 * A screen: the newest handshakes on the terminal's alternate screen, for a program of which
 * neither output goes to the terminal. The former screen comes back at the end and at each stop.
 *
 * Only live_end waits for the terminal: a terminal that stands still (Ctrl-S) holds nothing up
 * while the program runs.
 */
#ifndef TOOLS_ECHSHIM_SHOW_LIVE_H
#define TOOLS_ECHSHIM_SHOW_LIVE_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/common/say.h"

enum live_form { LIVE_OFF, LIVE_AUTO, LIVE_LINES, LIVE_SCREEN };

/* "auto", "lines", "screen"; false for any other word. */
bool live_form_parse(const char *word, enum live_form *form);

enum { LIVE_EVERY_MS = 200 }; /* how often the caller updates it */

struct live;

/*
 * Call before the program's standard output is let go. `report` is the file that the shim writes;
 * it stays. `title` names the program. NULL: no memory, or the report cannot be read; errno says
 * which.
 */
struct live *live_start(enum live_form form, const char *report, const char *title,
                        enum say_color color);
/* Shows what is new, in the size that the terminal has now. */
void live_update(struct live *live);
/* Gives the terminal back, before this process stops; the next update takes it again. */
void live_pause(struct live *live);
/* The end: shows what is left and gives the terminal back. `summary`: then also tells what there
 * was, as a table after a screen, as one line after lines. NULL does nothing. */
void live_end(struct live *live, bool summary);

#endif
