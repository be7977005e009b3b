/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads the engine, once, when the first TLS client appears.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/stub/guard.h"
#include "shim/stub/handlers.h"
#include "shim/stub/hooks_keys.h"
#include "shim/stub/locked.h"
#include "shim/stub/output.h"
#include "shim/stub/path.h"
#include "shim/stub/supervised.h"

enum { PATH_SIZE = 4096, LINE_SIZE = 1024, WHY_SIZE = 512 };

#define CALL_REAL(name, ...)                                                                       \
    __typeof__(&name) real = (__typeof__(&name))stub_libc(SHIM_HOOK_##name);                       \
    if (real == NULL) {                                                                            \
        errno = ENOSYS;                                                                            \
        return -1;                                                                                 \
    }                                                                                              \
    return real(__VA_ARGS__)

/* If other preloads redirect the program's connections, they redirect the engine's too. */
static int call_real_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    __typeof__(&connect) real = (__typeof__(&connect))stub_libc_front(SHIM_HOOK_connect);
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return stub_pass_connect(real, fd, address, length);
}

static int call_connect_led(int fd, const struct sockaddr *address, socklen_t length,
                            uint64_t *socket)
{
    stub_led_begin(fd);
    int result = call_real_connect(fd, address, length);
    int saved = errno;
    *socket = stub_led_end();
    errno = saved;
    return result;
}

static ssize_t call_real_write(int fd, const void *data, size_t length)
{
    CALL_REAL(write, fd, data, length);
}

static ssize_t call_real_send(int fd, const void *data, size_t length, int flags)
{
    CALL_REAL(send, fd, data, length, flags);
}

static ssize_t call_real_sendmsg(int fd, const struct msghdr *message, int flags)
{
    __typeof__(&sendmsg) real = (__typeof__(&sendmsg))stub_libc(SHIM_HOOK_sendmsg);
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return stub_pass_sendmsg(real, fd, message, flags);
}

/* May the engine open another library? A name may lead to a foreign file after chroot. */
static bool may_open(void)
{
    return !stub_locked_now() && (stub_root_is_same() || stub_folder_is_same());
}

static void *call_real_dlopen(const char *file, int mode)
{
    bool may = (mode & RTLD_NOLOAD) != 0 || may_open();
    void *handle = may ? stub_real_dlopen(file, mode) : NULL;
    if (handle == NULL) {
        (void)stub_real_dlerror(); /* the program did not make that call */
    }
    return handle;
}

static void *call_real_dlsym(void *handle, const char *name)
{
    void *found = stub_real_dlsym(handle, name);
    if (found == NULL) {
        (void)stub_real_dlerror();
    }
    return found;
}

static long call_real_futex(_Atomic uint32_t *word, int operation, uint32_t value,
                            const struct timespec *timeout)
{
    CALL_REAL(syscall, SYS_futex, word, operation, value, timeout, NULL, 0);
}

static int call_real_getaddrinfo(const char *node, const char *service,
                                 const struct addrinfo *hints, struct addrinfo **result)
{
    __typeof__(&getaddrinfo) real = (__typeof__(&getaddrinfo))stub_libc(SHIM_HOOK_getaddrinfo);
    return real != NULL ? real(node, service, hints, result) : EAI_FAIL;
}

static struct shim_stub offer = {
    .version = SHIM_ABI_VERSION,
    .dlsym = call_real_dlsym,
    .dlopen = call_real_dlopen,
    .futex = call_real_futex,
    .connect = call_real_connect,
    .connect_led = call_connect_led,
    .write = call_real_write,
    .send = call_real_send,
    .sendmsg = call_real_sendmsg,
    .getaddrinfo = call_real_getaddrinfo,
    .guarded_sendmsg = stub_guarded_sendmsg,
    .connections = stub_connections,
    .announce = stub_announce,
    .withdraw = stub_withdraw,
    .descriptor_of = stub_descriptor_of,
    .way_of = stub_way_of,
    .in_company = stub_in_company,
    .permit = stub_permit,
    .keep_in = stub_keep_in,
    .locked = stub_locked_now,
    .permit_hello = stub_permit_hello,
    .report_line = stub_report_line,
    .report_lost = stub_report_lost,
    .report_count_lost = stub_report_count_lost,
    .log_line = stub_log_line,
    .complain = stub_complain,
    .output_stopped = stub_output_stopped,
    .program = stub_program,
    .own_ech = stub_own_ech,
    .first_told = stub_first_told,
    .watch_keys = stub_watch_keys,
    .carry = stub_carry,
};

typedef const struct shim_engine *engine_start(const struct shim_stub *stub);

/* By one write, so that the line stays whole among the program's own. Only the first attempt writes
 * it; later ones would say the same. */
static void say_once(const char *why)
{
    static atomic_bool said;
    if (atomic_load(&said)) {
        return;
    }
    char line[LINE_SIZE];
    const char *then = "TLS goes on without ECH";
    if (stub_mode() == SHIM_MODE_STRICT) {
        then = "TLS connections are refused";
    } else if (stub_strict_somewhere()) {
        then = "TLS goes on without ECH, and is refused where the mode is strict";
    }
    const char *names = stub_names_protected() ? ", and names are not resolved" : "";
    int length = snprintf(line, sizeof line, "libechshim: the engine cannot be loaded (%s): %s%s\n",
                          why, then, names);
    if (length > 0) {
        size_t octets = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
        const struct iovec whole = {.iov_base = line, .iov_len = octets};
        atomic_store(&said, stub_complain(&whole, 1));
    }
}

/* Opens the engine beside the stub; NULL with the reason. */
static void *open_beside(char *why, size_t why_size)
{
    const char *path = stub_engine_path();
    if (path == NULL) {
        (void)snprintf(why, why_size, "the stub does not know its own folder");
        return NULL;
    }
    if (!stub_folder_is_same()) {
        (void)snprintf(why, why_size, "%s: %s", path,
                       access(path, F_OK) != 0 && errno == EACCES
                           ? "this user may not read it"
                           : "not in the folder that the stub was loaded from");
        return NULL;
    }
    void *handle = stub_real_dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *error = handle == NULL ? stub_real_dlerror() : NULL;
    (void)snprintf(why, why_size, "%s", error != NULL ? error : "");
    return handle;
}

/* The engine lies beside the stub, or else in the folder of the installation. If the program has
 * changed its root, these names may be somebody else's files: then it is not loaded. */
static void *open_engine(char *why, size_t why_size)
{
    void *handle = open_beside(why, why_size);
    return handle != NULL || !stub_root_is_same()
               ? handle
               : stub_real_dlopen(SHIM_LIBDIR "/" STUB_ENGINE_NAME, RTLD_NOW | RTLD_LOCAL);
}

/* Missing descriptors or memory may be there later. Until then TLS goes on as the mode says. */
enum { RETRY_SECONDS = 1 };

static atomic_llong retry_at; /* monotonic, in seconds; 0: no attempt has failed */

static long long seconds_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec + 1; /* never 0 */
}

/* True for one thread, once the time has come. We must not open files in a program that has locked
 * itself in. */
static bool may_retry(void)
{
    long long at = atomic_load(&retry_at);
    return at != 0 && !stub_locked() && seconds_now() >= at &&
           atomic_compare_exchange_strong(&retry_at, &at, 0);
}

static void load_engine(void)
{
    char why[WHY_SIZE] = "";
    int saved = errno;
    struct stub_visit entered;
    stub_enter(&entered); /* constructors of the engine's libraries may call hooked functions */
    void *handle = open_engine(why, sizeof why);
    const struct shim_engine *engine = NULL;
    if (handle != NULL) {
        engine_start *start = (engine_start *)stub_real_dlsym(handle, "shim_engine_start");
        offer.conf = stub_conf();
        offer.handlers = stub_handlers();
        engine = start != NULL ? start(&offer) : NULL;
        if (engine == NULL || engine->version != SHIM_ABI_VERSION) {
            engine = NULL;
            (void)snprintf(why, sizeof why, "it does not belong to this stub, or cannot start");
        }
    }
    (void)stub_in_company(); /* look now: `connect` asks later, and must not look */
    stub_leave(&entered);
    if (engine == NULL) {
        say_once(why);
        atomic_store(&retry_at, seconds_now() + RETRY_SECONDS);
    }
    stub_engine_set(engine);
    errno = saved;
}

const struct shim_engine *stub_engine(void)
{
    static struct stub_once once = STUB_ONCE_INIT;
    if (stub_inside() || stub_off()) {
        return NULL;
    }
    if (stub_locked() && stub_engine_if_loaded() == NULL) {
        stub_engine_set(NULL); /* nothing can be loaded any more */
        return NULL;
    }
    if (may_retry()) {
        stub_do_again(&once);
    }
    stub_do_once(&once, load_engine);
    return stub_engine_if_loaded();
}

bool stub_must_refuse(void)
{
    return stub_engine_missing() && stub_mode() == SHIM_MODE_STRICT;
}
