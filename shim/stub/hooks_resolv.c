/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * res_query and its kin: programs use them to ask the DNS (apt for SRV records, mail servers for
 * MX). The C library then sends to port 53 internally, past the guard's hooks. So the guard's rule
 * applies to the call: in strict mode with an encrypted resolver the call fails, and nothing is
 * sent.
 */
#include "shim/stub/hooks_resolv.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/stub/guard.h"
#include "shim/stub/guard_hello.h"
#include "shim/stub/locked.h"

enum { DNS_PORT = 53 };

/* Since glibc 2.34 the old names exist for the dynamic linker only, and mean the same functions.
 * Before, these functions are in another library, which may have come with the caller. */
static void *real_function(enum shim_hook hook)
{
    const char *name = stub_hook_name(hook);
    const char *today = strncmp(name, "__", 2) == 0 ? name + 2 : name;
    void *found = stub_libc(hook);
    if (found == NULL) {
        found = stub_real_dlsym(RTLD_NEXT, today);
    }
    if (found == NULL) {
        void *library = stub_real_dlopen("libresolv.so.2", RTLD_LAZY | RTLD_NOLOAD);
        found = library != NULL ? stub_real_dlsym(library, name) : NULL;
    }
    return found;
}

/* `host` NULL: it cannot be read. */
static bool may_ask(const char *host)
{
    if (!stub_strict_somewhere() || !stub_names_protected() ||
        (host != NULL && !stub_question_is_protected(host))) {
        return true;
    }
    if (!stub_locked()) {
        const struct stub_attempt attempt = {
            .fd = -1, .type = SOCK_DGRAM, .port = DNS_PORT, .mode = SHIM_MODE_STRICT};
        stub_tell(&attempt, true, STUB_SIGHT_NAMES);
    }
    return false;
}

static bool may_ask_below(const char *host, const char *domain)
{
    char name[SHIM_HELLO_NAME_SIZE];
    if (host == NULL || domain == NULL) {
        return may_ask(host);
    }
    int length = snprintf(name, sizeof name, "%s.%s", host, domain);
    return may_ask(length > 0 && (size_t)length < sizeof name ? name : NULL);
}

static bool may_send(const unsigned char *question, int length)
{
    char name[SHIM_HELLO_NAME_SIZE];
    const struct iovec part = {(void *)(uintptr_t)question, length > 0 ? (size_t)length : 0};
    struct stub_attempt attempt = {.fd = -1, .parts = &part, .count = 1};
    const struct shim_hello_source source = {stub_attempt_octets, &attempt};
    return may_ask(shim_hello_question_name(&source, false, name) ? name : NULL);
}

/* NO_RECOVERY: a program should not try again. */
static int fail(res_state state)
{
    if (state != NULL) {
        state->res_h_errno = NO_RECOVERY;
    }
    h_errno = NO_RECOVERY;
    errno = EPERM;
    return -1;
}

/* The body of a hook: makes `call` if `allowed`. */
#define RESOLVE(name, state, allowed, ...)                                                         \
    {                                                                                              \
        __typeof__(&name) real = (__typeof__(&name))real_function(SHIM_HOOK_##name);               \
        return real != NULL && (allowed) ? real(__VA_ARGS__) : fail(state);                        \
    }

#define HOOK_QUERY(name)                                                                           \
    SHIM_RES_QUERY(name) RESOLVE(name, NULL, may_ask(host), host, class, type, answer, size)
#define HOOK_NQUERY(name)                                                                          \
    SHIM_RES_NQUERY(name)                                                                          \
    RESOLVE(name, state, may_ask(host), state, host, class, type, answer, size)
#define HOOK_QUERYDOMAIN(name)                                                                     \
    SHIM_RES_QUERYDOMAIN(name)                                                                     \
    RESOLVE(name, NULL, may_ask_below(host, domain), host, domain, class, type, answer, size)
#define HOOK_NQUERYDOMAIN(name)                                                                    \
    SHIM_RES_NQUERYDOMAIN(name)                                                                    \
    RESOLVE(name, state, may_ask_below(host, domain), state, host, domain, class, type, answer,    \
            size)
#define HOOK_SEND(name)                                                                            \
    SHIM_RES_SEND(name)                                                                            \
    RESOLVE(name, NULL, may_send(question, length), question, length, answer, size)
#define HOOK_NSEND(name)                                                                           \
    SHIM_RES_NSEND(name)                                                                           \
    RESOLVE(name, state, may_send(question, length), state, question, length, answer, size)

HOOK_QUERY(res_query)
HOOK_QUERY(__res_query)
HOOK_QUERY(res_search)
HOOK_QUERY(__res_search)
HOOK_NQUERY(res_nquery)
HOOK_NQUERY(__res_nquery)
HOOK_NQUERY(res_nsearch)
HOOK_NQUERY(__res_nsearch)
HOOK_QUERYDOMAIN(res_querydomain)
HOOK_QUERYDOMAIN(__res_querydomain)
HOOK_NQUERYDOMAIN(res_nquerydomain)
HOOK_NQUERYDOMAIN(__res_nquerydomain)
HOOK_SEND(res_send)
HOOK_SEND(__res_send)
HOOK_NSEND(res_nsend)
HOOK_NSEND(__res_nsend)
