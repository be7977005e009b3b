/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* forbid mprotect|mremap|mremap:ADDRESS PROGRAM [ARGUMENT]...: runs a program that may not make
 * memory executable, or may not move memory, or not to this address (below 4 GiB, hexadecimal) and
 * above. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    enum {
        PROTECTION = offsetof(struct seccomp_data, args[2]),
        NEW_ADDRESS = offsetof(struct seccomp_data, args[4])
    };
    if (argc < 3) {
        return 2;
    }
    bool moves = strncmp(argv[1], "mremap", strlen("mremap")) == 0;
    const char *address = strchr(argv[1], ':');
    unsigned least = address != NULL ? (unsigned)strtoul(address + 1, NULL, 16) : 0;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, moves ? SYS_mremap : SYS_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, moves ? NEW_ADDRESS : PROTECTION),
        BPF_JUMP(BPF_JMP | (moves ? BPF_JGE : BPF_JSET) | BPF_K, moves ? least : PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        perror("forbid");
        return 2;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
