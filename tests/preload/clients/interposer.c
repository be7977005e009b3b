/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another preload: it wraps the functions that the shim wraps, and finds the real ones in the way
 * that $INTERPOSER names. It reports each connection to port 443 on standard error. */
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST_VERSION "GLIBC_2.17"
#else
#define FIRST_VERSION "GLIBC_2.0"
#endif

typedef void *find_function(const char *name);

/* The helper looks them up for itself: it defines none of these functions. */
static void *find_by_helper(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/libinterposer_helper.so", getenv("CLIENTS"));
    void *helper = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    find_function *find = helper != NULL ? (find_function *)dlsym(helper, "helper_find") : NULL;
    return find != NULL ? find(name) : NULL;
}

static void *find(const char *name)
{
    const char *how = getenv("INTERPOSER");
    void *found = NULL;
    if (how == NULL || strcmp(how, "next") == 0) {
        found = dlsym(RTLD_NEXT, name);
    } else if (strcmp(how, "version") == 0) {
        found = dlvsym(RTLD_NEXT, name, FIRST_VERSION);
    } else if (strcmp(how, "handle") == 0) {
        found = dlsym(dlopen("libc.so.6", RTLD_LAZY), name);
    } else if (strcmp(how, "handle_version") == 0) {
        found = dlvsym(dlopen("libc.so.6", RTLD_LAZY), name, FIRST_VERSION);
    } else if (strcmp(how, "helper") == 0) {
        found = find_by_helper(name);
    }
    if (found == NULL) {
        _exit(99);
    }
    return found;
}

static int by_system_call(void)
{
    const char *how = getenv("INTERPOSER");
    return how != NULL && strcmp(how, "syscall") == 0;
}

/* Held over the look-up and the call: a call that comes back here under it waits for ever. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static const char text[] = "connect was interposed\n";
    static __typeof__(&connect) next;
    if (address->sa_family == AF_INET &&
        ((const struct sockaddr_in *)(const void *)address)->sin_port == htons(443)) {
        (void)syscall(SYS_write, STDERR_FILENO, text, sizeof text - 1);
    }
    if (by_system_call()) {
        return (int)syscall(SYS_connect, fd, address, length);
    }
    pthread_mutex_lock(&lock);
    if (next == NULL) {
        next = (__typeof__(next))find("connect");
    }
    int result = next(fd, address, length);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *octets, size_t length)
{
    static __typeof__(&write) next;
    if (by_system_call()) {
        return syscall(SYS_write, fd, octets, length);
    }
    if (next == NULL) {
        next = (__typeof__(next))find("write");
    }
    return next(fd, octets, length);
}

ssize_t send(int fd, const void *octets, size_t length, int flags)
{
    static __typeof__(&send) next;
    if (by_system_call()) {
        return syscall(SYS_sendto, fd, octets, length, flags, NULL, 0);
    }
    if (next == NULL) {
        next = (__typeof__(next))find("send");
    }
    return next(fd, octets, length, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static __typeof__(&sendmsg) next;
    if (by_system_call()) {
        return syscall(SYS_sendmsg, fd, message, flags);
    }
    if (next == NULL) {
        next = (__typeof__(next))find("sendmsg");
    }
    return next(fd, message, flags);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    static __typeof__(&getaddrinfo) next;
    if (next == NULL) {
        next = (__typeof__(next))(by_system_call() ? dlsym(RTLD_NEXT, "getaddrinfo")
                                                   : find("getaddrinfo"));
    }
    return next(node, service, hints, result);
}

/* Everything before main, and before the constructors of preloads behind this one. */
__attribute__((constructor)) static void begin(void)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *result = NULL;
    (void)!write(-1, "", 0);
    (void)send(-1, "", 0, 0);
    if (getaddrinfo("127.0.0.1", NULL, &hints, &result) == 0) {
        freeaddrinfo(result);
    }
}
