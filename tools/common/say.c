/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 8192 };

void say(const char *tool, const char *format, ...)
{
    int saved = errno;
    char line[LINE_SIZE];
    int head = snprintf(line, sizeof line, "%s: ", tool);
    va_list arguments;
    va_start(arguments, format);
    if (head > 0 && (size_t)head < sizeof line - 1) {
        (void)vsnprintf(line + head, sizeof line - 1 - (size_t)head, format, arguments);
    }
    va_end(arguments);
    size_t length = strlen(line);
    line[length] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length + 1);
    (void)ignored;
    errno = saved;
}

bool say_color_parse(const char *word, enum say_color *color)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *color = (enum say_color)i;
            return true;
        }
    }
    return false;
}

bool say_colored(enum say_color color, int fd)
{
    if (color != SAY_COLOR_AUTO) {
        return color == SAY_COLOR_ALWAYS;
    }
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && (no_color == NULL || *no_color == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

void say_printable(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++) {
        unsigned char octet = (unsigned char)text[i];
        out[i] = text[i];
        if (octet < 0x20 || octet == 0x7f) {
            out[i] = '?';
        }
    }
    out[i] = '\0';
}
