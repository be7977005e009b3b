/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* forbidden CALL PROGRAM...: executes a program for which this system call fails with EPERM, as in
 * some containers. "memory": a call that reads another process's memory; "pidfd": those that get
 * its descriptors. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../compat.h"

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        unsigned numbers[2];
    } calls[] = {
        {"seccomp", {SYS_seccomp, SYS_seccomp}},
        {"memory", {SYS_process_vm_readv, SYS_process_vm_writev}},
        {"ptrace", {SYS_ptrace, SYS_ptrace}},
        {"pidfd", {SYS_pidfd_open, SYS_pidfd_getfd}},
    };
    for (size_t i = 0; argc > 2 && i < sizeof calls / sizeof *calls; i++) {
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].numbers[0], 1, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].numbers[1], 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
        if (strcmp(argv[1], calls[i].name) != 0) {
            continue;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
            return 99;
        }
        execv(argv[2], argv + 2);
        return 98;
    }
    return 2;
}
