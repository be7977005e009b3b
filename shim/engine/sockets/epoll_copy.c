/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/sockets/epoll_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 64, LINE_SIZE = 256 };

/* Finds a word in the line and reads the number after it, in that base. Moves *at behind the
 * number. */
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

bool shim_epoll_parse_line(const char *text, struct epoll_line *line)
{
    const char *at = text;
    uint64_t target;
    uint64_t events;
    if (strncmp(text, "tfd:", 4) != 0 || !take_number(&at, "tfd:", 10, &target) ||
        !take_number(&at, "events:", 16, &events) || !take_number(&at, "data:", 16, &line->data) ||
        target > INT_MAX || events > UINT32_MAX) {
        return false;
    }
    line->target = (int)target;
    line->events = (uint32_t)events;
    line->has_inode = take_number(&at, "ino:", 16, &line->inode);
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

/* What the set knows of the descriptor's own file: the set may list one number for several files.
 * */
static bool find_in(int epoll_fd, int fd, uint64_t inode, struct epoll_line *found)
{
    char path[PATH_SIZE];
    char text[LINE_SIZE];
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll_fd);
    FILE *info = fopen(path, "re");
    if (info == NULL) {
        return false;
    }
    bool is_there = false;
    while (!is_there && fgets(text, sizeof text, info) != NULL) {
        is_there = shim_epoll_parse_line(text, found) && found->target == fd &&
                   (!found->has_inode || found->inode == inode);
    }
    (void)fclose(info);
    return is_there;
}

void shim_epoll_take(int fd, struct epoll_registrations *registrations)
{
    struct stat file;
    registrations->count = 0;
    DIR *folder = fstat(fd, &file) == 0 ? opendir("/proc/self/fd") : NULL;
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder);
         entry != NULL && registrations->count < SHIM_EPOLL_MAX; entry = readdir(folder)) {
        int epoll_fd = shim_descriptor_named(entry->d_name);
        struct epoll_line line;
        /* The kernel removes the registration of exactly this file, and no other. */
        if (epoll_fd >= 0 && is_epoll(dirfd(folder), entry->d_name) &&
            find_in(epoll_fd, fd, file.st_ino, &line) &&
            epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0) {
            registrations->registered[registrations->count].epoll_fd = epoll_fd;
            registrations->registered[registrations->count].events = line.events;
            registrations->registered[registrations->count].data = line.data;
            registrations->count++;
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
