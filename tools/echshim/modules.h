/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The modules that a program may load while it runs: addons of Node.js and extensions of Python
 * that lie where its package keeps them. Nothing is run, so what it loads from elsewhere is not
 * known.
 */
#ifndef TOOLS_ECHSHIM_MODULES_H
#define TOOLS_ECHSHIM_MODULES_H

#include "tools/echshim/echshim.h"

/* `path` is real, and valid during the call. */
typedef void modules_found(void *context, const char *path);

/*
 * Calls back for each module of:
 * - a script of Node.js: the package it lies in, and the packages that this one depends on;
 * - a script in the folder bin of a Python environment (pyvenv.cfg): that environment;
 * - a program outside the system's folders: the addons of Node.js in its own folder.
 */
void modules_find(const struct program *program, modules_found *found, void *context);

#endif
