/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_LOCK_IN_H
#define TESTS_PRELOAD_CLIENTS_LOCK_IN_H

/* A program that restricts itself by seccomp: any other system call than these ends the process. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOCK_IN_CALLS = 40 };

/* By prctl, or by the seccomp system call as libseccomp does. */
static inline bool lock_in(const int *calls, size_t count, bool by_seccomp)
{
    struct sock_filter filter[2 * LOCK_IN_CALLS + 2];
    size_t length = 0;
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count && i < LOCK_IN_CALLS; i++) {
        filter[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    const struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return false;
    }
    return by_seccomp ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0
                      : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#endif
