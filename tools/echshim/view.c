/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool view_open(struct view *view, const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *view = (struct view){0};
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            *view = (struct view){.octets = map, .length = (size_t)status.st_size};
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return view->octets != NULL;
}

void view_close(struct view *view)
{
    (void)munmap(view->octets, view->length);
}
