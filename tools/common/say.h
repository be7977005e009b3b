/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the tools talk to people: errors, colour, and text from outside. */
#ifndef TOOLS_COMMON_SAY_H
#define TOOLS_COMMON_SAY_H

#include <stdbool.h>
#include <stddef.h>

/* One line on standard error, by one write: "TOOL: " and the sentence. Keeps errno. */
void say(const char *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum say_color { SAY_COLOR_AUTO, SAY_COLOR_ALWAYS, SAY_COLOR_NEVER };

/* "auto", "always", "never"; false for any other word. */
bool say_color_parse(const char *word, enum say_color *color);

/* Is output to this descriptor coloured? By default only on a terminal that is not "dumb", and not
 * if NO_COLOR has a value (no-color.org). */
bool say_colored(enum say_color color, int fd);

/* Copies text for a terminal: control characters, which a hostile name may hold, become '?'. Cut to
 * `size`, always ended by a NUL. */
void say_printable(char *out, size_t size, const char *text);

#endif
