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
#include "steps.h"

#include "../../facts.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

static bool is_in(const void *caller, const char *library)
{
    Dl_info info;
    return dladdr(caller, &info) != 0 && strstr(info.dli_fname, library) != NULL;
}

bool steps_is_engine(const void *caller)
{
    return is_in(caller, "libechshim-engine");
}

/* Before glibc 2.34 the resolver was a library of its own, which calls these functions by their
 * names. Its own descriptors are not what the tests are about: it waits for ever on one that was
 * replaced. Newer ones call them unseen. */
static bool is_resolver(const void *caller)
{
    return FACT_GLIBC_BEFORE_2_34 && is_in(caller, "/libresolv");
}

/* Descriptors that the engine opened, by number. */
enum { DESCRIPTORS = 1024 };
static atomic_bool engines[DESCRIPTORS];

void steps_note_owner(int fd, bool engine)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        atomic_store(&engines[fd], engine);
    }
}

bool steps_is_engines(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && atomic_load(&engines[fd]);
}

/* ---- the events ---- */

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
        if (steps_is_engines(fd) && option(fd, SO_TYPE) != -1) {
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
    bool known = steps_is_engines(fd) || atomic_load(&began);
    victim_was_engines = steps_is_engines(fd);
    steps_note_owner(fd, false);
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

void steps_watch(const char *name, int fd, const void *caller, bool harmless)
{
    if (fd == victim && fd >= 0 && steps_is_engine(caller) && cookie_of(fd) == victim_cookie &&
        (!harmless || victim_was_engines)) {
        tell("touched by ", name);
    }
}

enum verdict steps_take(enum call call, const char *name, int fd, const void *caller)
{
    int saved = errno;
    enum verdict verdict = GO_ON;
    steps_watch(name, fd, caller, (call & (CALL_OUT | CALL_DUP | CALL_CONNECT)) == 0);
    if (fork_thread != 0 && !atomic_load(&forked) && !pthread_equal(pthread_self(), fork_thread)) {
        await_fork();
    }
    if (kind < KINDS && (kinds[kind].calls & call) != 0 && !is_resolver(caller) &&
        (call == CALL_NEW || is_internet(fd)) &&
        (call != CALL_CONNECT || kind != INTERRUPTED || option(fd, SO_TYPE) == SOCK_STREAM) &&
        (kind != SHORT || option(fd, SO_TYPE) == SOCK_STREAM) &&
        atomic_fetch_add(&calls, 1) + 1 == at) {
        errno = saved;
        verdict = happen(call, name, fd);
        saved = errno;
    }
    if (call == CALL_OUT && !steps_is_engine(caller) && option(fd, SO_TYPE) == SOCK_STREAM) {
        atomic_store(&began, true);
    }
    errno = saved;
    return verdict;
}
