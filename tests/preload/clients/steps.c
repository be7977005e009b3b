/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded behind the shim, so that the shim takes these functions for the real ones. Counts the
 * calls on Internet sockets (the program's, its TLS library's and the shim's own) and makes an
 * event happen at one of them. The environment says which event, and where.
 *
 * STEPS_KIND:
 * - interrupted, again: the call fails once with EINTR or EAGAIN
 * - short: the call carries one octet
 * - fails: as when the connection is reset, or the kernel has no more to give
 * - hangup: the connection ends in both directions before the call
 * - fork: another thread makes a child, which runs the program's run_again
 * - close: another thread closes the descriptor
 * - reuse: as close, and it opens another connection, which gets the number
 *
 * STEPS_AT: at which of the calls that the event can happen to, counted from 1.
 *
 * STEPS_FILE gets a line "reached NAME" when it happened, one on what became of the child, and
 * "touched by NAME" when the engine used a descriptor that was no longer its own.
 *
 * Uses raw system calls only, so that its own calls do not pass through itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum call {
    CALL_IN = 1,
    CALL_OUT = 2,
    CALL_CONNECT = 4,
    CALL_POLL = 8,
    CALL_DUP = 16,
    CALL_ASK = 32,
    CALL_NEW = 64
};
enum { CALL_CARRIES = CALL_IN | CALL_OUT, CALL_ALL = 127, CHILD_SECONDS = 20, FORK_MS = 10 };

enum kind { INTERRUPTED, AGAIN, SHORT, FAILS, HANGUP, FORK, CLOSE, REUSE, KINDS };
static const struct {
    const char *name;
    int calls; /* that the event can happen to */
} kinds[KINDS] = {
    [INTERRUPTED] = {"interrupted", CALL_CARRIES | CALL_CONNECT | CALL_POLL | CALL_DUP},
    [AGAIN] = {"again", CALL_CARRIES},
    [SHORT] = {"short", CALL_CARRIES},
    [FAILS] = {"fails", CALL_ALL & ~CALL_POLL},
    [HANGUP] = {"hangup", CALL_CARRIES | CALL_DUP},
    [FORK] = {"fork", CALL_ALL & ~CALL_NEW},
    [CLOSE] = {"close", CALL_ALL & ~CALL_NEW},
    [REUSE] = {"reuse", CALL_ALL & ~CALL_NEW},
};

static enum kind kind = KINDS;
static unsigned at;
static const char *file;
static atomic_uint calls;

/* The descriptor that took the number of one closed under its owner. */
static int victim = -1;
static uint64_t victim_cookie;
static bool victim_was_engines;

static void tell(const char *what, const char *name)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s%s\n", what, name);
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (syscall(SYS_write, fd, line, (size_t)length) != length) {
        _exit(98);
    }
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void read_settings(void)
{
    const char *word = getenv("STEPS_KIND");
    const char *number = getenv("STEPS_AT");
    file = getenv("STEPS_FILE");
    if (word == NULL || number == NULL || file == NULL) {
        return;
    }
    at = (unsigned)atoi(number);
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, word) == 0) {
            kind = (enum kind)i;
        }
    }
}

/* ---- which descriptor is which ---- */

static int option(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return syscall(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    (void)syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

static bool is_internet(int fd)
{
    int domain = option(fd, SO_DOMAIN);
    return domain == AF_INET || domain == AF_INET6;
}

static bool is_engine(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) != 0 && strstr(info.dli_fname, "libechshim-engine") != NULL;
}

/* Descriptors that the engine opened, by number. */
enum { DESCRIPTORS = 1024 };
static atomic_bool engines[DESCRIPTORS];

static void note_owner(int fd, bool engine)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        atomic_store(&engines[fd], engine);
    }
}

static bool is_engines(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && atomic_load(&engines[fd]);
}

/* ---- what happens ---- */

static int fail_with(enum call call, int fd)
{
    switch (call) {
    case CALL_CONNECT:
        return ECONNREFUSED;
    case CALL_DUP:
    case CALL_NEW:
        return EMFILE;
    case CALL_ASK:
        return ENOBUFS;
    default:
        syscall(SYS_shutdown, fd, SHUT_RDWR);
        return ECONNRESET;
    }
}

static atomic_bool forked;

/* The child has no use for what was the engine's own. */
static void look_for_inherited(void)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        if (is_engines(fd) && option(fd, SO_TYPE) != -1) {
            tell("the child inherited", "");
        }
    }
}

static void *fork_and_wait(void *unused)
{
    int status;
    sigset_t none;
    /* The caller may have blocked all signals, and this thread inherits that. The kernel would then
     * give the child's SIGCHLD to any thread that does not block it, and wake that one, even out of
     * an epoll_wait. */
    sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        atomic_store(&forked, true);
        void (*run_again)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "run_again");
        alarm(CHILD_SECONDS);
        look_for_inherited();
        run_again();
        _exit(0);
    }
    atomic_store(&forked, true);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        tell("the child died", "");
    } else if (WEXITSTATUS(status) != 0) {
        tell("the child failed", "");
    }
    return unused;
}

static pthread_t fork_thread;

/* A fork may have to wait for a lock that the caller holds; then the caller first runs on to its
 * next call. Elsewhere its TLS library might hold locks at the fork. */
static void await_fork(void)
{
    for (int ms = 0; ms < FORK_MS && !atomic_load(&forked); ms++) {
        syscall(SYS_ppoll, NULL, 0, &(struct timespec){.tv_nsec = 1000000}, NULL, 0);
    }
}

static void fork_elsewhere(void)
{
    if (pthread_create(&fork_thread, NULL, fork_and_wait, NULL) != 0) {
        _exit(97);
    }
    await_fork();
}

__attribute__((destructor)) static void await_child(void)
{
    if (fork_thread != 0 && atomic_load(&forked)) {
        pthread_join(fork_thread, NULL);
    }
}

/* The program's connection has carried octets; before that it cannot be told apart. */
static atomic_bool began;

/* The new connection leads to the same server, as another one of the program's would. */
static void reuse(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int type = option(fd, SO_TYPE);
    bool named = syscall(SYS_getpeername, fd, &peer, &length) == 0;
    bool known = is_engines(fd) || atomic_load(&began);
    victim_was_engines = is_engines(fd);
    note_owner(fd, false);
    int fresh = (int)syscall(SYS_socket, AF_INET, type | SOCK_CLOEXEC, 0);
    if (named && type == SOCK_STREAM) {
        (void)syscall(SYS_connect, fresh, &peer, length);
        /* The reader must not wait for what never comes. */
        (void)syscall(SYS_shutdown, fresh, SHUT_RD);
    }
    syscall(SYS_dup3, fresh, fd, O_CLOEXEC);
    syscall(SYS_close, fresh);
    victim_cookie = cookie_of(fd);
    victim = known ? fd : -1;
}

enum verdict { GO_ON, FAIL, CARRY_ONE };

static enum verdict happen(enum call call, const char *name, int fd)
{
    tell("reached ", name);
    switch (kind) {
    case INTERRUPTED:
        errno = EINTR;
        return FAIL;
    case AGAIN:
        errno = EAGAIN;
        return FAIL;
    case SHORT:
        return CARRY_ONE;
    case FAILS:
        errno = fail_with(call, fd);
        return FAIL;
    case HANGUP:
        syscall(SYS_shutdown, fd, SHUT_RDWR);
        return GO_ON;
    case FORK:
        fork_elsewhere();
        return GO_ON;
    case CLOSE:
        syscall(SYS_close, fd);
        return GO_ON;
    case REUSE:
        reuse(fd);
        return GO_ON;
    default:
        return GO_ON;
    }
}

/* Records what the engine itself does to a descriptor that by now belongs to somebody else. It may
 * read the program's connection on the program's behalf. A call already under way is excused. */
static void watch(const char *name, int fd, const void *caller, bool harmless)
{
    if (fd == victim && fd >= 0 && is_engine(caller) && cookie_of(fd) == victim_cookie &&
        (!harmless || victim_was_engines)) {
        tell("touched by ", name);
    }
}

static enum verdict step(enum call call, const char *name, int fd, const void *caller)
{
    int saved = errno;
    enum verdict verdict = GO_ON;
    watch(name, fd, caller, (call & (CALL_OUT | CALL_DUP | CALL_CONNECT)) == 0);
    if (fork_thread != 0 && !atomic_load(&forked) && !pthread_equal(pthread_self(), fork_thread)) {
        await_fork();
    }
    if (kind < KINDS && (kinds[kind].calls & call) != 0 && (call == CALL_NEW || is_internet(fd)) &&
        (call != CALL_CONNECT || kind != INTERRUPTED || option(fd, SO_TYPE) == SOCK_STREAM) &&
        (kind != SHORT || option(fd, SO_TYPE) == SOCK_STREAM) &&
        atomic_fetch_add(&calls, 1) + 1 == at) {
        errno = saved;
        verdict = happen(call, name, fd);
        saved = errno;
    }
    if (call == CALL_OUT && !is_engine(caller) && option(fd, SO_TYPE) == SOCK_STREAM) {
        atomic_store(&began, true);
    }
    errno = saved;
    return verdict;
}

/* ---- the calls ---- */

#define CALLER __builtin_return_address(0)
#define STEP(call, name, fd, length)                                                               \
    enum verdict verdict = step(call, name, fd, CALLER);                                           \
    if (verdict == FAIL) {                                                                         \
        return -1;                                                                                 \
    }                                                                                              \
    length = verdict == CARRY_ONE && length > 1 ? 1 : length

ssize_t read(int fd, void *out, size_t length)
{
    STEP(CALL_IN, "read", fd, length);
    return syscall(SYS_read, fd, out, length);
}

ssize_t recvfrom(int fd, void *restrict out, size_t length, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_length)
{
    STEP(CALL_IN, "recvfrom", fd, length);
    return syscall(SYS_recvfrom, fd, out, length, flags, from, from_length);
}

ssize_t recv(int fd, void *out, size_t length, int flags)
{
    STEP(CALL_IN, "recv", fd, length);
    return syscall(SYS_recvfrom, fd, out, length, flags, NULL, NULL);
}

ssize_t write(int fd, const void *data, size_t length)
{
    STEP(CALL_OUT, "write", fd, length);
    return syscall(SYS_write, fd, data, length);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    STEP(CALL_OUT, "send", fd, length);
    return syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *address,
               socklen_t address_length)
{
    STEP(CALL_OUT, "sendto", fd, length);
    return syscall(SYS_sendto, fd, data, length, flags, address, address_length);
}

/* Leaves one octet of the first part that is not empty. */
static void cut(struct msghdr *message, struct iovec *octet)
{
    size_t i = 0;
    while (i + 1 < message->msg_iovlen && message->msg_iov[i].iov_len == 0) {
        i++;
    }
    *octet = (struct iovec){message->msg_iov[i].iov_base, 1};
    message->msg_iov = octet;
    message->msg_iovlen = 1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr whole = *message;
    struct iovec octet;
    size_t parts = whole.msg_iovlen + 1;
    STEP(CALL_OUT, "sendmsg", fd, parts);
    if (parts == 1 && whole.msg_iovlen > 0) {
        cut(&whole, &octet);
    }
    return syscall(SYS_sendmsg, fd, &whole, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    struct iovec octet;
    size_t all = message.msg_iovlen + 1;
    STEP(CALL_OUT, "writev", fd, all);
    if (all == 1 && count > 0) {
        cut(&message, &octet);
    }
    return syscall(SYS_writev, fd, message.msg_iov, message.msg_iovlen);
}

/* An interrupted connect continues by itself. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    enum verdict verdict = step(CALL_CONNECT, "connect", fd, CALLER);
    if (verdict == FAIL && errno != EINTR) {
        return -1;
    }
    int result = (int)syscall(SYS_connect, fd, address, length);
    if (verdict == FAIL) {
        errno = EINTR;
        return -1;
    }
    return result;
}

/* A separate function: the header declares that poll only writes there. */
static __attribute__((noinline)) int first_of(struct pollfd *waits, nfds_t count)
{
    return count > 0 ? waits[0].fd : -1;
}

int poll(struct pollfd *waits, nfds_t count, int milliseconds)
{
    struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    if (step(CALL_POLL, "poll", first_of(waits, count), CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_ppoll, waits, count, milliseconds < 0 ? NULL : &limit, NULL, 0);
}

int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    if (step(CALL_ASK, "getpeername", fd, CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_getpeername, fd, address, length);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    if (step(CALL_ASK, "bind", fd, CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_bind, fd, address, length);
}

int dup3(int fd, int over, int flags)
{
    if (step(CALL_DUP, "dup3", over, CALLER) == FAIL) {
        return -1;
    }
    int result = (int)syscall(SYS_dup3, fd, over, flags);
    if (result >= 0) {
        note_owner(over, false);
    }
    return result;
}

int socket(int domain, int type, int protocol)
{
    if (domain == AF_INET && step(CALL_NEW, "socket", -1, CALLER) == FAIL) {
        return -1;
    }
    int fd = (int)syscall(SYS_socket, domain, type, protocol);
    note_owner(fd, is_engine(CALLER));
    return fd;
}

int close(int fd)
{
    watch("close", fd, CALLER, false);
    return (int)syscall(SYS_close, fd);
}

/* Only matters where the engine moves its descriptors to higher numbers. */
int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    if (command == F_DUPFD_CLOEXEC && result >= 0) {
        note_owner(result, is_engines(fd));
    }
    return result;
}

int shutdown(int fd, int how)
{
    watch("shutdown", fd, CALLER, false);
    return (int)syscall(SYS_shutdown, fd, how);
}
