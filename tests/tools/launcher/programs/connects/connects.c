/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connects PORT WAY...: reaches 127.0.0.1:PORT in each way, and prints a line "WAY ERRNO" (0: it
 * worked). A stream that is connected sends a hello with the name of the server in the clear. All
 * calls are made by instructions of the program itself, as Go makes them; only the way "libc" uses
 * the C library.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "secret.example.org"

static struct sockaddr_in server;
static const char *own_path;
static const char *own_port;

/* ---- system calls ---- */

/* 0 or more, or -errno. */
static long raw(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    long result = number;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
#endif
}

/* ---- what is sent ---- */

static uint8_t hello[256];
static size_t hello_length;

static void make_hello(void)
{
    static const uint8_t head[] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    memcpy(hello, head, sizeof head);
    hello_length = sizeof head;
    memset(hello + hello_length, 7, 32);
    hello_length += 32;
    static const uint8_t rest[] = {0,
                                   0,
                                   2,
                                   0x13,
                                   1,
                                   1,
                                   0,
                                   0,
                                   sizeof NAME + 8,
                                   0,
                                   0,
                                   0,
                                   sizeof NAME + 4,
                                   0,
                                   sizeof NAME + 2,
                                   0,
                                   0,
                                   sizeof NAME - 1};
    memcpy(hello + hello_length, rest, sizeof rest);
    hello_length += sizeof rest;
    memcpy(hello + hello_length, NAME, sizeof NAME - 1);
    hello_length += sizeof NAME - 1;
    hello[4] = (uint8_t)(hello_length - 5);
    hello[8] = (uint8_t)(hello_length - 9);
}

static int new_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        perror("socket");
        exit(2);
    }
    return fd;
}

/* Sends the hello over a stream, and waits until the other side has read it. */
static void send_hello(int fd)
{
    char answer[64];
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    (void)poll(&ready, 1, 5000);
    (void)raw(SYS_write, fd, (long)hello, (long)hello_length, 0, 0, 0);
    (void)shutdown(fd, SHUT_WR);
    ready.events = POLLIN;
    (void)poll(&ready, 1, 5000);
    (void)raw(SYS_read, fd, (long)answer, sizeof answer, 0, 0, 0);
}

static int end_of(int fd, long result)
{
    bool going = result == -EINPROGRESS;
    if (result >= 0 || going) {
        send_hello(fd);
    }
    close(fd);
    return result >= 0 || going ? 0 : (int)-result;
}

/* ---- the ways ---- */

static int by_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    return end_of(fd, raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0));
}

static int by_nonblocking(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    return end_of(fd, raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0));
}

static int by_mapped(void)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = server.sin_port};
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
    return end_of(fd, raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0));
}

/* Fast open: the first octets go with the SYN, or are sent after it. */
static int by_fastopen_sendto(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    long result = raw(SYS_sendto, fd, (long)hello, (long)hello_length, MSG_FASTOPEN, (long)&server,
                      sizeof server);
    return end_of(fd, result);
}

static int send_messages(int fd, int flags, size_t count, bool one)
{
    struct iovec part = {.iov_base = hello, .iov_len = hello_length};
    struct mmsghdr messages[2] = {
        {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
        {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
    };
    messages[count - 1].msg_hdr.msg_name = &server;
    messages[count - 1].msg_hdr.msg_namelen = sizeof server;
    if (count == 2) { /* the first one goes elsewhere */
        static struct sockaddr_in other;
        other = server;
        other.sin_port = htons(9);
        messages[0].msg_hdr.msg_name = &other;
        messages[0].msg_hdr.msg_namelen = sizeof other;
    }
    long result = one ? raw(SYS_sendmsg, fd, (long)&messages[0].msg_hdr, flags, 0, 0, 0)
                      : raw(SYS_sendmmsg, fd, (long)messages, (long)count, flags, 0, 0);
    if (flags == MSG_FASTOPEN) {
        return end_of(fd, result);
    }
    close(fd);
    return result < 0 ? (int)-result : 0;
}

static int by_fastopen_sendmsg(void)
{
    return send_messages(new_socket(AF_INET, SOCK_STREAM), MSG_FASTOPEN, 1, true);
}

static int by_fastopen_sendmmsg(void)
{
    return send_messages(new_socket(AF_INET, SOCK_STREAM), MSG_FASTOPEN, 1, false);
}

static int by_datagram_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    long result = raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

static int datagram(int family)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    struct sockaddr_in address = server;
    address.sin_family = (sa_family_t)family;
    long result =
        raw(SYS_sendto, fd, (long)hello, (long)hello_length, 0, (long)&address, sizeof address);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

static int by_datagram_sendto(void)
{
    return datagram(AF_INET);
}

/* The kernel takes AF_UNSPEC for AF_INET. */
static int by_datagram_unspecified(void)
{
    return datagram(AF_UNSPEC);
}

static int by_datagram_sendmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    return send_messages(fd, MSG_DONTWAIT, 1, true);
}

static int by_datagram_sendmmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    return send_messages(fd, MSG_DONTWAIT, 2, false);
}

static int by_libc(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    int result = connect(fd, (const struct sockaddr *)&server, sizeof server);
    int problem = result < 0 ? errno : 0;
    if (result == 0) {
        (void)!write(fd, hello, hello_length);
    }
    close(fd);
    return problem;
}

/* These must pass. */
static int by_unix(void)
{
    int fd = new_socket(AF_UNIX, SOCK_STREAM);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere/socket"};
    long result = raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0);
    close(fd);
    return (int)-result; /* ENOENT */
}

static int by_unix_sendmsg(void)
{
    int ends[2];
    char text[8];
    struct iovec part = {.iov_base = (char[]){'y', 'e', 's'}, .iov_len = 3};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return errno;
    }
    long result = raw(SYS_sendmsg, ends[0], (long)&message, 0, 0, 0, 0);
    return result == 3 && read(ends[1], text, sizeof text) == 3 ? 0 : (int)-result;
}

static int by_bad_pointer(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    long result = raw(SYS_connect, fd, 1, sizeof server, 0, 0, 0);
    close(fd);
    return (int)-result; /* EFAULT */
}

static int by_io_uring(void)
{
    char parameters[120] = "";
    long result = raw(SYS_io_uring_setup, 4, (long)parameters, 0, 0, 0, 0);
    return result < 0 ? (int)-result : 0;
}

#if defined(__x86_64__)
static long by_gate(long number, long a, long b, long c)
{
    long result = number;
    __asm__ volatile("pushq %%rbx\n\tmovq %1, %%rbx\n\tint $0x80\n\tpopq %%rbx"
                     : "+a"(result)
                     : "r"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

static void *low_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

/* The calls of 32-bit programs, from a program of 64 bits. */
static int by_int80_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    struct sockaddr_in *address = low_memory();
    *address = server;
    return end_of(fd, by_gate(362, fd, (long)address, sizeof server));
}

static int by_int80_socketcall(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    struct {
        uint32_t arguments[3];
        struct sockaddr_in address;
    } *memory = low_memory();
    memory->address = server;
    memory->arguments[0] = (uint32_t)fd;
    memory->arguments[1] = (uint32_t)(uintptr_t)&memory->address;
    memory->arguments[2] = sizeof server;
    return end_of(fd, by_gate(102, 3, (long)memory->arguments, 0));
}

static int by_int80_sendmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    struct {
        uint32_t header[7];
        struct sockaddr_in address;
    } *memory = low_memory();
    memory->address = server;
    memory->header[0] = (uint32_t)(uintptr_t)&memory->address;
    memory->header[1] = sizeof server;
    long result = by_gate(370, fd, (long)memory->header, 0);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

static int by_x32(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    return end_of(fd, raw(0x40000000 + 42, fd, (long)&server, sizeof server, 0, 0, 0));
}
#endif

/* ---- other processes and threads ---- */

static void *in_thread(void *out)
{
    *(int *)out = by_connect();
    return NULL;
}

static int by_thread(void)
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

static int by_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(by_connect());
    }
    return status_of(pid);
}

static int share_memory(void *unused)
{
    (void)unused;
    _exit(by_connect());
}

static int by_shared_memory(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    return status_of(clone(share_memory, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
}

/* The grandchild has no parent any more, and a session of its own. It answers by a pipe. */
static int by_double_fork(void)
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

/* Executes itself, and ends with the errno of the way "connect". */
static int by_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(own_path, own_path, own_port, "exit", (char *)NULL);
        _exit(254);
    }
    return status_of(pid);
}

static int by_exit(void)
{
    exit(by_connect());
}

/* Its memory cannot be read by another process of this user. */
static int by_closed_memory(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int result = by_connect();
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return result;
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        int (*run)(void);
    } ways[] = {
        {"connect", by_connect},
        {"nonblocking", by_nonblocking},
        {"mapped", by_mapped},
        {"fastopen-sendto", by_fastopen_sendto},
        {"fastopen-sendmsg", by_fastopen_sendmsg},
        {"fastopen-sendmmsg", by_fastopen_sendmmsg},
        {"datagram-connect", by_datagram_connect},
        {"datagram-sendto", by_datagram_sendto},
        {"datagram-unspecified", by_datagram_unspecified},
        {"datagram-sendmsg", by_datagram_sendmsg},
        {"datagram-sendmmsg", by_datagram_sendmmsg},
        {"libc", by_libc},
        {"unix", by_unix},
        {"unix-sendmsg", by_unix_sendmsg},
        {"bad-pointer", by_bad_pointer},
        {"io_uring", by_io_uring},
#if defined(__x86_64__)
        {"int80-connect", by_int80_connect},
        {"int80-socketcall", by_int80_socketcall},
        {"int80-sendmsg", by_int80_sendmsg},
        {"x32", by_x32},
#endif
        {"thread", by_thread},
        {"fork", by_fork},
        {"shared-memory", by_shared_memory},
        {"double-fork", by_double_fork},
        {"exec", by_exec},
        {"exit", by_exit},
        {"closed-memory", by_closed_memory},
    };
    if (argc < 3) {
        return 2;
    }
    own_path = argv[0];
    own_port = argv[1];
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    make_hello();
    for (int argument = 2; argument < argc; argument++) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            if (strcmp(argv[argument], ways[i].name) == 0) {
                printf("%s %d\n", ways[i].name, ways[i].run());
                fflush(stdout);
            }
        }
    }
    return 0;
}
