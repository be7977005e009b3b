/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks for other libraries between the program and the C library (proxychains, torsocks, graftcp).
 * They may lead a connection or a name elsewhere, so we know its end only when the connection is
 * there.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

#include "shim/stub/stub.h"

/* A sanitizer looks on, and leads nothing elsewhere. libpthread is a part of the C library, with a
 * connect of its own, that had a file of its own before glibc 2.34. */
static bool leads_nowhere(const char *path)
{
    static const char *const names[] = {"libclang_rt.", "libasan.", "libtsan.", "libubsan.",
                                        "libpthread.so."};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Does the function belong to a library that is neither ours nor the C library, nor the program? */
static bool is_foreign(void *function, const void *libc, const void *program)
{
    Dl_info info;
    Dl_info own;
    return function != NULL && dladdr(function, &info) != 0 && info.dli_fname != NULL &&
           dladdr((const void *)is_foreign, &own) != 0 && info.dli_fbase != own.dli_fbase &&
           info.dli_fbase != libc && info.dli_fbase != program && !leads_nowhere(info.dli_fname);
}

static bool find_company(void)
{
    static const enum shim_hook hooks[] = {SHIM_HOOK_connect, SHIM_HOOK_getaddrinfo};
    Dl_info libc = {.dli_fbase = NULL};
    Dl_info program = {.dli_fbase = NULL};
    bool found = false;
    /* One address in libc (no library replaces this function), one in the program. */
    (void)dladdr(stub_real_dlsym(RTLD_NEXT, "gnu_get_libc_version"), &libc);
    (void)dladdr((const void *)getauxval(AT_PHDR), &program);
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        const char *name = stub_hook_name(hooks[i]);
        found = found || is_foreign(stub_libc(hooks[i]), libc.dli_fbase, program.dli_fbase) ||
                is_foreign(stub_real_dlsym(RTLD_DEFAULT, name), libc.dli_fbase, program.dli_fbase);
    }
    (void)stub_real_dlerror();
    return found;
}

enum { NOT_KNOWN = -1 };
static atomic_int known = NOT_KNOWN;

bool stub_known_alone(void)
{
    return atomic_load_explicit(&known, memory_order_relaxed) == 0;
}

bool stub_in_company(void)
{
    int company = atomic_load_explicit(&known, memory_order_relaxed);
    if (company == NOT_KNOWN) {
        company = find_company() ? 1 : 0;
        atomic_store_explicit(&known, company, memory_order_relaxed);
    }
    return company != 0;
}
