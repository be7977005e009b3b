/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"

enum { LIST_SIZE = 1 << 18, ANSWER_MS = 30000 };

static void become_loader(const char *loader, char *const options[], const char *path, int out)
{
    enum { OPTIONS_MAX = 32 };
    char list[] = "--list";
    char *argv[OPTIONS_MAX + 4] = {(char *)(uintptr_t)loader, list};
    size_t count = 2;
    /* Copies options with their values, up to the program's name; --list gets the file instead. */
    for (size_t i = 0; options != NULL && options[i] != NULL && strcmp(options[i], path) != 0 &&
                       count < OPTIONS_MAX;
         i++) {
        argv[count++] = options[i];
    }
    argv[count] = (char *)(uintptr_t)path;
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0) {
        (void)unsetenv("ECHSHIM_LAUNCHER");
        /* By system call and not by libc: an outer launcher's stub would take the loader for a
         * static program, which it is. */
        (void)syscall(SYS_execve, loader, argv, environ);
    }
    _exit(EXIT_NOT_RUN);
}

/* Reads up to the end of the output, or until the time is over. */
static size_t read_list(int fd, char *out, size_t size)
{
    size_t length = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (length < size && poll(&ready, 1, ANSWER_MS) == 1) {
        ssize_t count = read(fd, out + length, size - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
    }
    return length;
}

char *loader_list(const char *loader, char *const options[], const char *path)
{
    int ends[2];
    char *list = malloc(LIST_SIZE);
    if (list == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        free(list);
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_loader(loader, options, path, ends[1]);
    }
    (void)close(ends[1]);
    size_t length = pid > 0 ? read_list(ends[0], list, LIST_SIZE - 1) : 0;
    (void)close(ends[0]);
    list[length] = '\0';
    if (pid > 0) {
        (void)kill(pid, SIGKILL); /* it has closed its output, or never will */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return list;
}
