/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/engine.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *engine_path;
static const struct shim_conf *settings;
static const struct shim_engine *engine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- a stub without a program: it has no hooks, no guard, and nothing to tell ---- */

static void *own_dlsym(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static void *own_dlopen(const char *file, int mode)
{
    return dlopen(file, mode);
}

static long own_futex(_Atomic uint32_t *word, int operation, uint32_t value,
                      const struct timespec *timeout)
{
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static int own_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return connect(fd, address, length);
}

/* No preload leads the supervisor's connections elsewhere. */
static int own_connect_led(int fd, const struct sockaddr *address, socklen_t length,
                           uint64_t *socket)
{
    *socket = 0;
    return connect(fd, address, length);
}

static int own_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                           struct addrinfo **result)
{
    return getaddrinfo(node, service, hints, result);
}

static size_t no_connections(struct shim_connection *out, size_t max)
{
    (void)out;
    (void)max;
    return 0;
}

static bool no_announce(const uint8_t random[32], enum shim_watch watch)
{
    (void)random;
    (void)watch;
    return false;
}

static void no_withdraw(const uint8_t random[32])
{
    (void)random;
}

static bool no_descriptor_of(const uint8_t random[32], int *fd)
{
    (void)random;
    (void)fd;
    return false;
}

static bool no_way_of(int fd, const char *host, struct shim_way *way)
{
    (void)fd;
    (void)host;
    (void)way;
    return false;
}

static bool no(void)
{
    return false;
}

static bool yes(void)
{
    return true;
}

static void no_permit(int fd)
{
    (void)fd;
}

static bool no_random(const uint8_t random[32])
{
    (void)random;
    return false;
}

static bool no_line(const void *octets, size_t length)
{
    (void)octets;
    (void)length;
    return false;
}

static unsigned long nothing_lost(void)
{
    return 0;
}

static void no_count(void)
{
}

static void no_log(const struct iovec *parts, int count)
{
    (void)parts;
    (void)count;
}

/* The program or the launcher complains of the same settings. */
static bool no_complaint(const struct iovec *parts, int count)
{
    (void)parts;
    (void)count;
    return true;
}

static const char *no_program(void)
{
    return NULL;
}

static bool no_own_ech(const struct shim_library *library, const SSL *ssl)
{
    (void)library;
    (void)ssl;
    return false;
}

static bool no_first(const void *object, int fd, const char *name)
{
    (void)object;
    (void)fd;
    (void)name;
    return false;
}

static uint64_t no_watch(uint64_t watch)
{
    (void)watch;
    return 0;
}

static void no_carry(const struct shim_carried *carried)
{
    (void)carried;
}

static struct shim_stub offer = {
    .version = SHIM_ABI_VERSION,
    .dlsym = own_dlsym,
    .dlopen = own_dlopen,
    .futex = own_futex,
    .connect = own_connect,
    .connect_led = own_connect_led,
    .write = write,
    .send = send,
    .sendmsg = sendmsg,
    .getaddrinfo = own_getaddrinfo,
    .guarded_sendmsg = sendmsg,
    .connections = no_connections,
    .announce = no_announce,
    .withdraw = no_withdraw,
    .descriptor_of = no_descriptor_of,
    .way_of = no_way_of,
    .in_company = no,
    .permit = no_permit,
    .keep_in = no_random,
    .locked = no,
    .permit_hello = no_random,
    .report_line = no_line,
    .report_lost = nothing_lost,
    .report_count_lost = no_count,
    .log_line = no_log,
    .complain = no_complaint,
    .output_stopped = yes,
    .program = no_program,
    .own_ech = no_own_ech,
    .first_told = no_first,
    .watch_keys = no_watch,
    .carry = no_carry,
};

/* ---- the start ---- */

void supervisor_engine_set(const char *path, const struct shim_conf *conf)
{
    engine_path = path;
    settings = conf;
}

static void load(void)
{
    typedef const struct shim_engine *engine_start(const struct shim_stub *stub);
    void *handle = engine_path != NULL ? dlopen(engine_path, RTLD_NOW | RTLD_LOCAL) : NULL;
    engine_start *start =
        handle != NULL ? (engine_start *)dlsym(handle, "shim_engine_start") : NULL;
    offer.conf = settings;
    engine = start != NULL && settings != NULL ? start(&offer) : NULL;
    if (engine != NULL && engine->version != SHIM_ABI_VERSION) {
        engine = NULL;
    }
}

const struct shim_engine *supervisor_engine(void)
{
    (void)pthread_once(&once, load);
    return engine;
}
