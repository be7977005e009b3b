/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/launcher_proof.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/common/report.h"
#include "shim/stub/output.h"

enum { NONCE_MAX = 64 };

static _Atomic int follow = STUB_FOLLOW_NO;

enum stub_follow stub_following(void)
{
    return (enum stub_follow)atomic_load_explicit(&follow, memory_order_relaxed);
}

static struct iovec part_of(const char *text, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = length};
}

/* Reads digits up to ':', and moves past it. */
static bool read_number(const char **text, uint64_t *out)
{
    const char *at = *text;
    *out = 0;
    while (*at >= '0' && *at <= '9') {
        if (*out > (UINT64_MAX - 9) / 10) {
            return false;
        }
        *out = *out * 10 + (uint64_t)(*at++ - '0');
    }
    if (at == *text || *at != ':') {
        return false;
    }
    *text = at + 1;
    return true;
}

/* Proves to the launcher that the stub lives, and closes the descriptor before the program can see
 * it. If the descriptor is not the launcher's socket, it is left alone: a program without the stub
 * was in between, and closed that socket. */
static void prove(const char *text)
{
    uint64_t fd;
    uint64_t inode;
    struct stat status;
    if (!read_number(&text, &fd) || !read_number(&text, &inode) || fd > INT_MAX ||
        strlen(text) > NONCE_MAX || fstat((int)fd, &status) != 0 || !S_ISSOCK(status.st_mode) ||
        status.st_ino != inode) {
        return;
    }
    char pid[SHIM_DECIMAL_MAX];
    const struct iovec parts[] = {
        part_of(text, strlen(text)),
        part_of(" ", 1),
        part_of(pid, shim_decimal(pid, (uint64_t)getpid())),
    };
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                                   .msg_iovlen = sizeof parts / sizeof *parts};
    __typeof__(&sendmsg) real = (__typeof__(&sendmsg))stub_libc(SHIM_HOOK_sendmsg);
    if (real != NULL) {
        /* The launcher may have gone: raise no signal, and do not wait. */
        (void)real((int)fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    (void)close((int)fd);
}

__attribute__((constructor)) static void launched(void)
{
    static const char *const words[] = {[STUB_FOLLOW_WARN] = "warn",
                                        [STUB_FOLLOW_STRICT] = "strict",
                                        [STUB_FOLLOW_HOLD] = "hold",
                                        [STUB_FOLLOW_HOLD_QUIETLY] = "hold-quietly"};
    /* Look them up now: between fork and exec we must not. */
    for (int hook = SHIM_HOOK_execve; hook <= SHIM_HOOK_posix_spawnp; hook++) {
        (void)stub_libc((enum shim_hook)hook);
    }
    char *value = secure_getenv("ECHSHIM_LAUNCHER");
    if (value == NULL) {
        return;
    }
    int saved = errno;
    char *colon = strchr(value, ':');
    if (colon != NULL) {
        prove(colon + 1);
        *colon = '\0'; /* the rest is for this process alone */
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i] != NULL && strcmp(value, words[i]) == 0) {
            atomic_store_explicit(&follow, (int)i, memory_order_relaxed);
        }
    }
    errno = saved;
}

void stub_tell_unreached(const char *path, const char *why, enum stub_unreached what)
{
    static const char *const becomes[] = {
        [STUB_UNREACHED_RUNS] = " runs without the shim: ",
        [STUB_UNREACHED_HELD] = " runs without the shim, and strict mode refuses its TLS: ",
        [STUB_UNREACHED_LED] =
            " runs without the shim, and strict mode refuses its TLS if its Go makes no ECH: ",
        [STUB_UNREACHED_REFUSED] = " is not run, because the shim would not be in it: "};
    int saved = errno;
    const struct iovec parts[] = {
        part_of("echshim: ", strlen("echshim: ")),
        part_of(path, strnlen(path, PATH_MAX)),
        part_of(becomes[what], strlen(becomes[what])),
        part_of(why, strlen(why)),
        part_of("\n", 1),
    };
    (void)stub_complain(parts, sizeof parts / sizeof *parts);
    errno = saved;
}
