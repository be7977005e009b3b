/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/relay_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/relay_variables.h"

/* A descriptor of a folder that this user alone can enter; -1. */
static int open_own(const char *path, struct stat *status)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && (fstat(fd, status) != 0 || status->st_uid != geteuid() ||
                    (status->st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

bool relay_folder_note(struct relay_folder *folder, const char *path)
{
    struct stat status;
    int fd = open_own(path, &status);
    *folder = (struct relay_folder){.path = ""};
    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    folder->device = status.st_dev;
    folder->inode = status.st_ino;
    return snprintf(folder->path, sizeof folder->path, "%s", path) < (int)sizeof folder->path;
}

void relay_folder_remove(const struct relay_folder *folder)
{
    struct stat status;
    int fd = folder->path[0] != '\0' ? open_own(folder->path, &status) : -1;
    if (fd < 0) {
        return;
    }
    bool same = status.st_dev == folder->device && status.st_ino == folder->inode;
    for (size_t i = 0; same && i < SHIM_RELAY_VARIABLES; i++) {
        (void)unlinkat(fd, shim_relay_variables[i].file, 0);
    }
    (void)close(fd);
    if (same) {
        (void)rmdir(folder->path);
    }
}
