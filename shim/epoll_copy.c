/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/epoll_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PATH_SIZE = 64, LINE_SIZE = 256 };

_Bool shim_epoll_parse_line(const char *line, int *target, uint32_t *events, uint64_t *data)
{
    return sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64, target, events, data) == 3;
}

static _Bool is_epoll(int folder, const char *name)
{
    static const char kind[] = "anon_inode:[eventpoll]";
    char target[sizeof kind];
    ssize_t length = readlinkat(folder, name, target, sizeof target);
    return length == (ssize_t)(sizeof kind - 1) && memcmp(target, kind, sizeof kind - 1) == 0;
}

static void note_in(int epoll_fd, int fd, struct epoll_registrations *registrations)
{
    char path[PATH_SIZE];
    char line[LINE_SIZE];
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll_fd);
    FILE *info = fopen(path, "re");
    if (info == NULL) {
        return;
    }
    while (registrations->count < SHIM_EPOLL_MAX && fgets(line, sizeof line, info) != NULL) {
        int target;
        uint32_t events;
        uint64_t data;
        if (shim_epoll_parse_line(line, &target, &events, &data) && target == fd) {
            registrations->registered[registrations->count].epoll_fd = epoll_fd;
            registrations->registered[registrations->count].events = events;
            registrations->registered[registrations->count].data = data;
            registrations->count++;
        }
    }
    (void)fclose(info);
}

void shim_epoll_note(int fd, struct epoll_registrations *registrations)
{
    registrations->count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.' && is_epoll(dirfd(folder), entry->d_name)) {
            note_in(atoi(entry->d_name), fd, registrations);
        }
    }
    (void)closedir(folder);
}

void shim_epoll_restore(int fd, const struct epoll_registrations *registrations)
{
    for (size_t i = 0; i < registrations->count; i++) {
        struct epoll_event event = {.events = registrations->registered[i].events,
                                    .data = {.u64 = registrations->registered[i].data}};
        (void)epoll_ctl(registrations->registered[i].epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}
