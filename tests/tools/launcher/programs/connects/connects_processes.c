/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way "connect" from other processes, threads and programs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connects.h"

static void *in_thread(void *out)
{
    *(int *)out = by_connect();
    return NULL;
}

int by_thread(void)
{
    pthread_t thread;
    int result = -1;
    pthread_create(&thread, NULL, in_thread, &result);
    pthread_join(thread, NULL);
    return result;
}

static int status_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int by_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(by_connect());
    }
    return status_of(pid);
}

/* The child runs in our memory until it ends. */
int by_vfork(void)
{
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        _exit(by_connect());
    }
    return status_of(pid);
}

int by_clone3(void)
{
    struct clone_args arguments = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
    long pid = raw(SYS_clone3, (long)&arguments, sizeof arguments, 0, 0, 0, 0);
    if (pid == 0) {
        raw(SYS_exit_group, by_connect(), 0, 0, 0, 0, 0);
    }
    return pid > 0 ? status_of((pid_t)pid) : (int)-pid;
}

static int share_memory(void *unused)
{
    (void)unused;
    _exit(by_connect());
}

int by_shared_memory(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    return status_of(clone(share_memory, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
}

/* The grandchild has no parent any more, and a session of its own. It answers by a pipe. */
int by_double_fork(void)
{
    int ends[2];
    char answer = 0;
    if (pipe(ends) != 0) {
        return errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            (void)setsid();
            (void)usleep(50000);
            answer = (char)by_connect();
            (void)!write(ends[1], &answer, 1);
        }
        _exit(0);
    }
    (void)status_of(pid);
    close(ends[1]);
    ssize_t count = read(ends[0], &answer, 1);
    close(ends[0]);
    return count == 1 ? answer : 255;
}

/* In a process whose memory no other one of this user can read. */
static int with_closed_memory(way *run)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int result = run();
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return result;
}

int by_closed_memory(void)
{
    return with_closed_memory(by_connect);
}

int by_closed_libc(void)
{
    return with_closed_memory(by_libc);
}

int by_closed_unix(void)
{
    return with_closed_memory(by_unix);
}

static long set_filter(unsigned long flags)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog filter = {.len = 1, .filter = code};
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (long)flags, (long)&filter, 0, 0, 0);
}

/* A second filter, which allows everything. */
int by_own_filter(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(set_filter(0) == 0 ? by_connect() : 253);
    }
    return status_of(pid);
}

/* There can be only one listener. */
int by_own_listener(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit((int)-set_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER));
    }
    return status_of(pid);
}

/* A process that forks, and ends, without end; the last of them answers. */
int by_generations(void)
{
    enum { GENERATIONS = 500 };
    int ends[2];
    char answer = 0;
    if (pipe(ends) != 0) {
        return errno;
    }
    pid_t first = fork();
    if (first == 0) {
        for (int i = 0; i < GENERATIONS; i++) {
            if (fork() != 0) {
                _exit(0);
            }
            answer = (char)by_connect();
        }
        (void)!write(ends[1], &answer, 1);
        _exit(0);
    }
    (void)status_of(first);
    close(ends[1]);
    ssize_t count = read(ends[0], &answer, 1);
    close(ends[0]);
    return count == 1 ? answer : 255;
}

/* ---- other programs ---- */

/* The program below ends with the errno of the way "connect". */
int by_exit(void)
{
    exit(by_connect());
}

int by_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(own_path, own_path, own_port, "exit", (char *)NULL);
        _exit(254);
    }
    return status_of(pid);
}

int by_cleared_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execle(own_path, own_path, own_port, "exit", (char *)NULL, (char *[]){NULL});
        _exit(254);
    }
    return status_of(pid);
}

/* Executes what the descriptor leads to, with no environment. */
static int execute_descriptor(int fd)
{
    const char *argv[] = {own_path, own_port, "exit", NULL};
    const char *environment[] = {NULL};
    pid_t pid = fork();
    if (pid == 0) {
        raw(SYS_execveat, fd, (long)"", (long)argv, (long)environment, AT_EMPTY_PATH, 0);
        _exit(254);
    }
    close(fd);
    return status_of(pid);
}

int by_descriptor(void)
{
    return execute_descriptor(open(own_path, O_RDONLY | O_CLOEXEC));
}

/* A program that has no file. */
int by_memory_file(void)
{
    int from = open(own_path, O_RDONLY | O_CLOEXEC);
    int to = memfd_create("program", MFD_CLOEXEC);
    struct stat status;
    if (from < 0 || to < 0 || fstat(from, &status) != 0) {
        return 253;
    }
    char *octets = malloc((size_t)status.st_size);
    bool copied = octets != NULL && read(from, octets, (size_t)status.st_size) == status.st_size &&
                  write(to, octets, (size_t)status.st_size) == status.st_size;
    free(octets);
    close(from);
    return copied ? execute_descriptor(to) : 253;
}

/* A script whose interpreter is this program. The script's name is the way. */
int by_script(void)
{
    char folder[] = "/tmp/connects.XXXXXX";
    char text[4200];
    int length = snprintf(text, sizeof text, "#!%s %s\n", own_path, own_port);
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        return errno;
    }
    int fd = open("exit", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    bool written = write(fd, text, (size_t)length) == length;
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        execl("exit", "exit", (char *)NULL);
        _exit(254);
    }
    int result = status_of(pid);
    (void)unlink("exit");
    (void)rmdir(folder);
    return written ? result : 253;
}
