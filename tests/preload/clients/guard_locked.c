/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that seccomp restricts, or that passes nonsense: guard_locked ADDRESS PORT MODE.
 * "faults" prints the result of each call with a bad pointer. The other modes restrict a child,
 * which writes to a socket: first something that is no hello, then a hello. They print how the
 * child ended, and "sent" or "refused" for the hello. With "exec" the child executes a file that
 * does not exist. */
#include "client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../compat.h"
#include "lock_in.h"

enum { PAGE = 4096, HELLO = 60 };

static struct sockaddr_in server;
static const uint8_t hello[HELLO] = {22, 3, 1, 0, HELLO - 5, 1, 0, 0, HELLO - 9, 3, 3, 1, 2, 3};

static int open_connected(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    return fd;
}

/* ---- bad pointers ---- */

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void faults_of(int fd, const char *kind)
{
    uint8_t *pages =
        mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || munmap(pages + PAGE, PAGE) != 0 ||
        mprotect(pages + 2 * PAGE, PAGE, PROT_NONE) != 0) {
        fail("no pages");
    }
    uint8_t *last = pages + PAGE - 8; /* eight octets before unmapped memory */
    memset(pages, 'x', PAGE);
    void *nowhere[] = {NULL, (void *)8, pages + PAGE, pages + 2 * PAGE, (void *)UINTPTR_MAX};
    printf("%s\n", kind);
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct iovec part = {nowhere[i], 10};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        struct msghdr no_parts = {.msg_iov = nowhere[i], .msg_iovlen = 2};
        struct mmsghdr messages = {.msg_hdr = message};
        say("write", write(fd, nowhere[i], 10));
        say("send", send(fd, nowhere[i], 10, MSG_NOSIGNAL));
        say("sendto", sendto(fd, nowhere[i], 10, MSG_NOSIGNAL, NULL, 0));
        say("writev", writev(fd, &part, 1));
        say("writev of no parts", writev(fd, nowhere[i], 2));
        say("pwritev2", pwritev2(fd, nowhere[i], 1, -1, 0));
        say("sendmsg", sendmsg(fd, &message, MSG_NOSIGNAL));
        say("sendmsg of no parts", sendmsg(fd, &no_parts, MSG_NOSIGNAL));
        say("sendmsg of no message", sendmsg(fd, nowhere[i], MSG_NOSIGNAL));
        say("sendmmsg", sendmmsg(fd, &messages, 1, MSG_NOSIGNAL));
        say("sendmmsg of no message", sendmmsg(fd, nowhere[i], 1, MSG_NOSIGNAL));
        say("syscall", syscall(SYS_write, fd, nowhere[i], 10));
        if (nowhere[i] != NULL) {
            say("sendfile", sendfile(fd, 0, nowhere[i], 10));
            say("address", sendto(fd, last, 8, MSG_NOSIGNAL, nowhere[i], sizeof server));
        }
    }
    struct iovec parts[] = {{last, 8}, {pages + PAGE, 100}, {last, 8}};
    struct iovec huge = {last, (size_t)SSIZE_MAX + 1};
    struct msghdr many = {.msg_iov = parts, .msg_iovlen = SIZE_MAX};
    struct msghdr too_many = {.msg_iov = parts, .msg_iovlen = 1025};
    say("longer than its page", write(fd, last, 100));
    say("much longer", send(fd, last, SIZE_MAX / 2, MSG_NOSIGNAL));
    say("a bad part", writev(fd, parts, 3));
    say("a bad part, short", sendmsg(fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 2}, 0));
    say("a huge part", writev(fd, &huge, 1));
    say("many parts", sendmsg(fd, &many, MSG_NOSIGNAL));
    say("too many parts", sendmsg(fd, &too_many, MSG_NOSIGNAL));
    volatile int negative = -1;
    say("parts of a negative number", writev(fd, parts, negative));
    /* The page ends with the first octets of a hello. */
    memcpy(last, hello, 8);
    say("a hello without an end", write(fd, last, 100));
    munmap(pages, PAGE);
}

static void faults(void)
{
    faults_of(open_connected(SOCK_DGRAM), "a datagram socket");
    faults_of(open_connected(SOCK_STREAM), "a stream socket");
}

/* ---- programs that restrict themselves by seccomp ---- */

static void locked(const char *how, int fd, int out)
{
    static const int calls[] = {
        SYS_read,  SYS_write,      SYS_writev, SYS_sendto, SYS_sendmsg,         SYS_sendmmsg,
        SYS_exit,  SYS_exit_group, SYS_clone,  SYS_wait4,  SYS_set_robust_list, SYS_rt_sigprocmask,
        SYS_gettid};
    size_t count = sizeof calls / sizeof *calls;
    bool done = false;
    bool only_write = false;
    if (strcmp(how, "strict") == 0) {
        only_write = true;
        done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
    } else if (strcmp(how, "strict-by-seccomp") == 0) {
        only_write = true;
        done = syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) == 0;
    } else {
        done = lock_in(calls, count - 3, strcmp(how, "filter") != 0);
    }
    bool alive = done && write(out, "alive ", 6) == 6 && write(fd, "GET", 3) == 3;
    if (!only_write) {
        struct iovec part = {.iov_base = (void *)(uintptr_t) "more", .iov_len = 4};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        struct mmsghdr messages = {.msg_hdr = message};
        alive = alive && writev(fd, &part, 1) == 4 && send(fd, "x", 1, MSG_NOSIGNAL) == 1 &&
                sendmsg(fd, &message, MSG_NOSIGNAL) == 4 && sendmmsg(fd, &messages, 1, 0) == 1 &&
                syscall(SYS_write, fd, "y", 1) == 1;
    }
    bool sent = alive && write(fd, hello, sizeof hello) == (ssize_t)sizeof hello;
    bool refused = !sent && errno == ECONNABORTED;
    (void)!write(out, sent ? "sent" : refused ? "refused" : "failed", sent ? 4 : refused ? 7 : 6);
    syscall(SYS_exit, alive ? 0 : 1);
}

/* Each way to execute a file that does not exist; says the result. */
static void locked_executes(int out)
{
    static const int calls[] = {SYS_write, SYS_exit, SYS_execve, SYS_execveat};
    static char name[] = "nowhere";
    static char path[] = "/nowhere/at/all";
    char *argv[] = {name, NULL};
    if (!lock_in(calls, sizeof calls / sizeof *calls, false)) {
        return;
    }
    for (int way = 0; way < 8; way++) {
        int result = way == 0   ? execve(path, argv, environ)
                     : way == 1 ? execv(path, argv)
                     : way == 2 ? execvp(name, argv)
                     : way == 3 ? execvpe(name, argv, environ)
                     : way == 4 ? execl(path, name, NULL)
                     : way == 5 ? execle(path, name, NULL, environ)
                     : way == 6 ? execlp(name, name, NULL)
                                : execveat(AT_FDCWD, path, argv, environ, 0);
        const char *said = result != -1 ? "executed " : errno == EPERM ? "EPERM " : "failed ";
        (void)!write(out, said, strlen(said));
    }
    syscall(SYS_exit, 0);
}

static void lock_a_child_in(const char *how)
{
    int pipe_fds[2];
    char said[100] = "";
    int status = -1;
    int fd = open_connected(SOCK_STREAM);
    if (pipe(pipe_fds) != 0) {
        fail("no pipe");
    }
    pid_t child = fork();
    if (child == 0 && strcmp(how, "exec") == 0) {
        locked_executes(pipe_fds[1]);
    } else if (child == 0) {
        locked(how, fd, pipe_fds[1]);
    }
    close(pipe_fds[1]);
    for (size_t length = 0; length < sizeof said - 1;) {
        ssize_t got = read(pipe_fds[0], said + length, sizeof said - 1 - length);
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    waitpid(child, &status, 0);
    printf("%s: %s, %s %d\n", how, said, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fail("usage: guard_locked ADDRESS PORT MODE");
    }
    server =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(argv[3], "faults") == 0) {
        faults();
    } else {
        lock_a_child_in(argv[3]);
    }
    return 0;
}
