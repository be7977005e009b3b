/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading the engine, once, when the first TLS client appears.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/stub_guard.h"
#include "shim/stub_output.h"

#define ENGINE_NAME "libechshim-engine.so"

enum { PATH_SIZE = 4096 };

static __thread bool inside __attribute__((tls_model("initial-exec")));

void stub_enter(struct stub_inside *entered)
{
    shim_hold_begin(&entered->hold);
    entered->before = inside;
    inside = true;
}

void stub_leave(const struct stub_inside *entered)
{
    inside = entered->before;
    shim_hold_end(&entered->hold);
}

bool stub_inside(void)
{
    return inside;
}

void stub_once(struct stub_once *once, void (*make)(void))
{
    struct shim_hold hold;
    if (!atomic_load_explicit(&once->done, memory_order_acquire)) {
        shim_hold_begin(&hold);
        (void)pthread_once(&once->once, make);
        atomic_store_explicit(&once->done, true, memory_order_release);
        shim_hold_end(&hold);
    }
}

#define CALL_REAL(name, ...)                                                                       \
    __typeof__(&name) real = (__typeof__(&name))stub_libc(SHIM_HOOK_##name);                       \
    if (real == NULL) {                                                                            \
        errno = ENOSYS;                                                                            \
        return -1;                                                                                 \
    }                                                                                              \
    return real(__VA_ARGS__)

/* Where other preloads lead the program's connections, the engine's go too. */
static int call_real_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    __typeof__(&connect) real = (__typeof__(&connect))stub_libc_front(SHIM_HOOK_connect);
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return real(fd, address, length);
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
    CALL_REAL(sendmsg, fd, message, flags);
}

static int call_real_getaddrinfo(const char *node, const char *service,
                                 const struct addrinfo *hints, struct addrinfo **result)
{
    __typeof__(&getaddrinfo) real = (__typeof__(&getaddrinfo))stub_libc(SHIM_HOOK_getaddrinfo);
    return real != NULL ? real(node, service, hints, result) : EAI_FAIL;
}

static struct shim_stub offer = {
    .version = SHIM_ABI_VERSION,
    .dlsym = stub_real_dlsym,
    .connect = call_real_connect,
    .write = call_real_write,
    .send = call_real_send,
    .sendmsg = call_real_sendmsg,
    .getaddrinfo = call_real_getaddrinfo,
    .guarded_sendmsg = sendmsg,
    .connections = stub_connections,
    .announce = stub_announce,
    .withdraw = stub_withdraw,
    .descriptor_of = stub_descriptor_of,
    .way_of = stub_way_of,
    .in_company = stub_in_company,
    .permit = stub_permit,
    .report_line = stub_report_line,
    .report_lost = stub_report_lost,
    .report_count_lost = stub_report_count_lost,
    .log_line = stub_log_line,
    .complain = stub_complain,
    .output_stopped = stub_output_stopped,
    .program = stub_program,
    .first_refusal = stub_openssl_first_refusal,
};

static _Atomic(const struct shim_engine *) loaded;
static atomic_bool failed;

typedef const struct shim_engine *engine_start(const struct shim_stub *stub);

/* One write, for the host's standard error is not ours to interleave with. */
static void say_once(const char *why)
{
    char line[PATH_SIZE];
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
        stub_complain(&whole, 1);
    }
}

/* The engine lies next to the stub; where that fails (an odd LD_PRELOAD, a changed root) in the
 * folder of the installation. */
static void *open_engine(char *why, size_t why_size)
{
    __typeof__(&dlopen) real_dlopen = (__typeof__(&dlopen))stub_libc(SHIM_HOOK_dlopen);
    if (real_dlopen == NULL) {
        (void)snprintf(why, why_size, "no dlopen");
        return NULL;
    }
    Dl_info info;
    char path[PATH_SIZE];
    if (dladdr(&offer, &info) != 0 && info.dli_fname != NULL) {
        const char *slash = strrchr(info.dli_fname, '/');
        int folder = slash != NULL ? (int)(slash - info.dli_fname) : 0;
        int length = slash != NULL ? snprintf(path, sizeof path, "%.*s/%s", folder, info.dli_fname,
                                              ENGINE_NAME)
                                   : snprintf(path, sizeof path, "%s", ENGINE_NAME);
        if (length > 0 && (size_t)length < sizeof path) {
            void *handle = real_dlopen(path, RTLD_NOW | RTLD_LOCAL);
            if (handle != NULL) {
                return handle;
            }
        }
    }
    const char *error = dlerror();
    (void)snprintf(why, why_size, "%s", error != NULL ? error : "no path");
    return real_dlopen(SHIM_LIBDIR "/" ENGINE_NAME, RTLD_NOW | RTLD_LOCAL);
}

static void load_engine(void)
{
    char why[PATH_SIZE / 2] = "";
    int saved = errno;
    struct stub_inside entered;
    stub_enter(&entered); /* constructors of the engine's libraries may call what we hook */
    void *handle = open_engine(why, sizeof why);
    const struct shim_engine *engine = NULL;
    if (handle != NULL) {
        engine_start *start = (engine_start *)stub_real_dlsym(handle, "shim_engine_start");
        offer.conf = stub_conf();
        engine = start != NULL ? start(&offer) : NULL;
        if (engine == NULL || engine->version != SHIM_ABI_VERSION) {
            engine = NULL;
            (void)snprintf(why, sizeof why, "it does not belong to this stub, or cannot start");
        }
    }
    stub_leave(&entered);
    if (engine == NULL) {
        say_once(why);
        atomic_store(&failed, true);
    } else {
        atomic_store_explicit(&loaded, engine, memory_order_release);
    }
    errno = saved;
}

const struct shim_engine *stub_engine_if_loaded(void)
{
    return !inside ? atomic_load_explicit(&loaded, memory_order_acquire) : NULL;
}

const struct shim_engine *stub_engine(void)
{
    static struct stub_once once = STUB_ONCE_INIT;
    if (inside || stub_off()) {
        return NULL;
    }
    stub_once(&once, load_engine);
    return stub_engine_if_loaded();
}

bool stub_engine_missing(void)
{
    return !inside && atomic_load_explicit(&failed, memory_order_relaxed);
}

bool stub_must_refuse(void)
{
    return stub_engine_missing() && stub_mode() == SHIM_MODE_STRICT;
}
