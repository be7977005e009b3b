/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The octets of a file. */
#ifndef TOOLS_ECHSHIM_VIEW_H
#define TOOLS_ECHSHIM_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
    uint8_t *octets; /* cannot be written */
    size_t length;
};

/* False: it is no ordinary file, it is empty, or it cannot be read. */
bool view_open(struct view *view, const char *path);
void view_close(struct view *view);

#endif
