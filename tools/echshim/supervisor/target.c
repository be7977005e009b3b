/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tools/echshim/supervisor/notify.h"

enum { PATH_SIZE = 64 };

static int open_file_for(pid_t task, const char *name, int access)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)task, name);
    return open(path, access | O_CLOEXEC);
}

static int open_file(pid_t task, const char *name)
{
    return open_file_for(task, name, O_RDONLY);
}

/* Some containers forbid process_vm_readv, and some kernels do not have it. This needs the same
 * rights. */
static ssize_t read_by_file(pid_t task, uint64_t address, void *out, size_t length)
{
    int fd = address <= INT64_MAX ? open_file(task, "mem") : -1;
    ssize_t count = fd >= 0 ? pread64(fd, out, length, (off64_t)address) : -1;
    if (count < 0 && fd >= 0 && errno == EIO) {
        errno = EFAULT;
    }
    if (fd >= 0) {
        int problem = errno;
        (void)close(fd);
        errno = problem;
    }
    return count;
}

enum supervisor_read supervisor_target_read(void *context, uint64_t address, void *out,
                                            size_t length)
{
    if (length == 0) {
        return SUPERVISOR_READ;
    }
    if (address > UINTPTR_MAX) {
        return SUPERVISOR_READ_DENIED; /* a program of 64 bits, and we are one of 32 */
    }
    const struct iovec local = {.iov_base = out, .iov_len = length};
    const struct iovec remote = {
        .iov_base = (void *)(uintptr_t)address, /* NOLINT(performance-no-int-to-ptr) */
        .iov_len = length};
    ssize_t count = process_vm_readv(*(const pid_t *)context, &local, 1, &remote, 1, 0);
    if (count < 0 && (errno == EPERM || errno == ENOSYS)) {
        count = read_by_file(*(const pid_t *)context, address, out, length);
    }
    if (count == (ssize_t)length) {
        return SUPERVISOR_READ;
    }
    return count >= 0 || errno == EFAULT ? SUPERVISOR_READ_FAULT : SUPERVISOR_READ_DENIED;
}

/* The open file is the memory of the process that had the number then. If the call still waits
 * afterwards, that was the right one, and stays it. */
bool supervisor_target_write(pid_t task, uint64_t id, uint64_t address, const void *octets,
                             size_t length)
{
    int fd = address <= INT64_MAX ? open_file_for(task, "mem", O_WRONLY) : -1;
    ssize_t count = fd >= 0 && supervisor_notify_waits(id)
                        ? pwrite64(fd, octets, length, (off64_t)address)
                        : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    return count == (ssize_t)length;
}

/* The kernel writes a page at a time, so the size is not known before the end. */
char *supervisor_target_maps(pid_t task)
{
    enum { FIRST = 1 << 16, LARGEST = 1 << 26 };
    int fd = open_file(task, "maps");
    size_t size = FIRST;
    size_t length = 0;
    char *text = fd >= 0 ? malloc(size) : NULL;
    ssize_t count = -1;
    while (text != NULL && (count = read(fd, text + length, size - length - 1)) > 0) {
        length += (size_t)count;
        if (size - length > 1) {
            continue;
        }
        char *grown = size < LARGEST ? realloc(text, 2 * size) : NULL;
        if (grown == NULL) {
            count = -1;
            break;
        }
        text = grown;
        size *= 2;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (count != 0) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

pid_t supervisor_target_process(pid_t task)
{
    char text[4096];
    int fd = open_file(task, "status");
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (length <= 0) {
        return task;
    }
    text[length] = '\0';
    const char *line = strstr(text, "\nTgid:");
    long process = line != NULL ? strtol(line + strlen("\nTgid:"), NULL, 10) : 0;
    return process > 0 ? (pid_t)process : task;
}

/* The name of the program, in parentheses, may hold anything; the rest are numbers (proc(5)). */
static bool read_start(const char *text, uint64_t *start)
{
    enum { BEFORE = 20 }; /* fields between the name and the beginning */
    const char *at = strrchr(text, ')');
    for (int i = 0; at != NULL && i < BEFORE; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return false;
    }
    *start = strtoull(at, NULL, 10);
    return true;
}

bool supervisor_target_identity(pid_t process, uint64_t *start, ino_t *image)
{
    char text[1024];
    char path[PATH_SIZE];
    struct stat status;
    int fd = open_file(process, "stat");
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    (void)snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
    if (!read_start(text, start) || stat(path, &status) != 0) {
        return false;
    }
    *image = status.st_ino;
    return true;
}

void supervisor_target_program(pid_t task, char *out, size_t size)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/exe", (int)task);
    ssize_t length = readlink(path, out, size - 1);
    out[length > 0 ? length : 0] = '\0';
}
