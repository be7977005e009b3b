/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/epoll_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PATH_SIZE = 64, LINE_SIZE = 256 };

/* A word of the line, and the number after it, in that base. Moves on behind it. */
static bool take_number(const char **at, const char *word, int base, uint64_t *number)
{
    const char *found = strstr(*at, word);
    if (found == NULL) {
        return false;
    }
    char *end;
    errno = 0;
    *number = strtoull(found + strlen(word), &end, base);
    *at = end;
    return errno == 0 && end != found + strlen(word);
}

bool shim_epoll_parse_line(const char *line, int *target, uint32_t *events, uint64_t *data)
{
    const char *at = line;
    uint64_t descriptor;
    uint64_t wanted;
    if (strncmp(line, "tfd:", 4) != 0 || !take_number(&at, "tfd:", 10, &descriptor) ||
        !take_number(&at, "events:", 16, &wanted) || !take_number(&at, "data:", 16, data) ||
        descriptor > INT_MAX || wanted > UINT32_MAX) {
        return false;
    }
    *target = (int)descriptor;
    *events = (uint32_t)wanted;
    return true;
}

int shim_descriptor_named(const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    return *name >= '0' && *name <= '9' && *end == '\0' && number <= INT_MAX ? (int)number : -1;
}

static bool is_epoll(int folder, const char *name)
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
        if (shim_descriptor_named(entry->d_name) >= 0 && is_epoll(dirfd(folder), entry->d_name)) {
            note_in(shim_descriptor_named(entry->d_name), fd, registrations);
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
