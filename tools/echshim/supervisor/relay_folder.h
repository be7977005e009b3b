/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder with the relay's files. The relay removes it at its end. The supervisor does, too: a
 * relay that is killed removes nothing. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_RELAY_FOLDER_H
#define TOOLS_ECHSHIM_SUPERVISOR_RELAY_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* What proves later that a folder of that name is the same one. */
struct relay_folder {
    char path[PATH_MAX]; /* absolute; "": there is none */
    dev_t device;
    ino_t inode;
};

/* Notes the folder of that name. False: it is not a folder that this user alone can enter. */
bool relay_folder_note(struct relay_folder *folder, const char *path);

/* Removes the files of shim/common/relay_variables.h, and the folder if nothing else is in it. Does
 * nothing if another folder has the name by now. */
void relay_folder_remove(const struct relay_folder *folder);

#endif
