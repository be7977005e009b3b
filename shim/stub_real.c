/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding the function that a caller would have got without us. RTLD_NEXT is not enough: a libssl
 * that came by dlopen(RTLD_LOCAL) is in nobody's search order but its user's, and a process may
 * hold two of them.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/stub.h"

enum { LIBRARIES_MAX = 16, CALL_SITES = 512 };

static const char *const hook_names[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = #name,
#include "shim/hooks.def"
#undef HOOK
};

static const uint8_t hook_families[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = SHIM_FAMILY_##family,
#include "shim/hooks.def"
#undef HOOK
};

const char *stub_hook_name(enum shim_hook hook)
{
    return hook_names[hook];
}

enum shim_family stub_hook_family(enum shim_hook hook)
{
    return (enum shim_family)hook_families[hook];
}

typedef void *dlsym_function(void *handle, const char *name);

/* Our own dlsym is in the way of every ordinary look-up of it; dlvsym is not hooked, and takes the
 * loader's versions. */
static dlsym_function *find_real_dlsym(void)
{
    static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17",
                                           "GLIBC_2.27", "GLIBC_2.36",  "GLIBC_2.0"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        void *found = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
        if (found != NULL) {
            return (dlsym_function *)found;
        }
    }
    return NULL;
}

void *stub_real_dlsym(void *handle, const char *name)
{
    static _Atomic(dlsym_function *) real;
    dlsym_function *function = atomic_load_explicit(&real, memory_order_relaxed);
    if (function == NULL) {
        function = find_real_dlsym();
        atomic_store_explicit(&real, function, memory_order_relaxed);
    }
    return function != NULL ? function(handle, name) : NULL;
}

void *stub_libc(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    void *function = atomic_load_explicit(&found[hook], memory_order_relaxed);
    if (function == NULL) {
        function = hook == SHIM_HOOK_dlsym ? (void *)find_real_dlsym()
                                           : stub_real_dlsym(RTLD_NEXT, hook_names[hook]);
        atomic_store_explicit(&found[hook], function, memory_order_relaxed);
    }
    return function;
}

/* ---- the libraries of the process ---- */

/* Filled from the front, never emptied; a slot is published by compare-and-swap, so there is no
 * lock that a fork could hold. */
static _Atomic(struct shim_library *) libraries[LIBRARIES_MAX];

/* A program that has its TLS library within itself calls it from the same mapping. */
static bool is_library_alone(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return strncmp(name, "libssl", 6) == 0 || strncmp(name, "libgnutls", 9) == 0;
}

/* context: a library, of which `base` is known. */
static int find_end(struct dl_phdr_info *info, size_t size, void *context)
{
    struct shim_library *library = context;
    uintptr_t lowest = UINTPTR_MAX;
    uintptr_t highest = 0;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
            lowest = begin < lowest ? begin : lowest;
            highest = begin + segment->p_memsz > highest ? begin + segment->p_memsz : highest;
        }
    }
    uintptr_t base = (uintptr_t)library->base;
    if (base > lowest || lowest - base >= (uintptr_t)sysconf(_SC_PAGESIZE) || highest == 0) {
        return 0; /* the base is the lowest segment's page */
    }
    if (is_library_alone(info->dlpi_name)) {
        library->end = (const void *)highest;
    }
    return 1;
}

bool stub_library_calls(const struct shim_library *library, const void *caller)
{
    return caller >= library->base && caller < library->end;
}

static struct shim_library *library_new(enum shim_family family, const Dl_info *info)
{
    __typeof__(&dlopen) real_dlopen = (__typeof__(&dlopen))stub_libc(SHIM_HOOK_dlopen);
    struct shim_library *library = calloc(1, sizeof *library);
    if (library == NULL || real_dlopen == NULL) {
        free(library);
        return NULL;
    }
    library->family = family;
    library->base = info->dli_fbase;
    library->end = info->dli_fbase;
    (void)dl_iterate_phdr(find_end, library);
    library->handle = real_dlopen(info->dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (library->handle == NULL) {
        free(library);
        return NULL;
    }
    for (int hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (hook_families[hook] == family) {
            void *function = stub_real_dlsym(library->handle, hook_names[hook]);
            library->fn[hook] =
                function != stub_hook_address((enum shim_hook)hook) ? function : NULL;
        }
    }
    /* What this version has not got is nothing that the application's dlerror should tell of. */
    (void)dlerror();
    return library;
}

struct shim_library *stub_library_at(enum shim_family family, const void *address)
{
    Dl_info info;
    Dl_info own;
    if (address == NULL || dladdr(address, &info) == 0 || info.dli_fname == NULL ||
        dladdr((const void *)stub_library_at, &own) == 0 || info.dli_fbase == own.dli_fbase) {
        return NULL; /* our own hook is found where there is no library */
    }
    struct shim_library *fresh = NULL;
    for (size_t i = 0; i < LIBRARIES_MAX; i++) {
        struct shim_library *seen = atomic_load_explicit(&libraries[i], memory_order_acquire);
        if (seen == NULL) {
            if (fresh == NULL) {
                fresh = library_new(family, &info);
            }
            if (fresh == NULL || atomic_compare_exchange_strong(&libraries[i], &seen, fresh)) {
                return fresh;
            }
        }
        if (seen->base == info.dli_fbase && seen->family == family) {
            free(fresh); /* its extra handle only keeps loaded what stays loaded anyway */
            return seen;
        }
    }
    free(fresh);
    return NULL;
}

/* The only library of a family; NULL if there is none or more than one, and then *several tells
 * which. */
static struct shim_library *only_library(enum shim_family family, bool *several)
{
    struct shim_library *only = NULL;
    *several = false;
    for (size_t i = 0; i < LIBRARIES_MAX; i++) {
        struct shim_library *seen = atomic_load_explicit(&libraries[i], memory_order_acquire);
        if (seen == NULL) {
            break;
        }
        if (seen->family == family) {
            if (only != NULL) {
                *several = true;
                return NULL;
            }
            only = seen;
        }
    }
    return only;
}

/* The only library of a family that we do not know; NULL if there is none or more than one. */
static struct shim_library *only_foreign_library(enum shim_family family)
{
    struct shim_library *only = NULL;
    for (size_t i = 0; i < LIBRARIES_MAX; i++) {
        struct shim_library *seen = atomic_load_explicit(&libraries[i], memory_order_acquire);
        if (seen == NULL) {
            break;
        }
        if (seen->family == family && seen->foreign) {
            if (only != NULL) {
                return NULL;
            }
            only = seen;
        }
    }
    return only;
}

/* ---- what the loader would have bound a caller to ---- */

struct call_site {
    const void *caller;
    enum shim_hook hook;
    struct shim_library *library;
};

static void *symbol_for_caller(enum shim_hook hook, const void *caller)
{
    Dl_info info;
    struct link_map *map = NULL;
    void *own = stub_hook_address(hook);
    if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map != NULL &&
        map->l_name[0] != '\0') {
        __typeof__(&dlopen) real_dlopen = (__typeof__(&dlopen))stub_libc(SHIM_HOOK_dlopen);
        void *handle =
            real_dlopen != NULL ? real_dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
        if (handle != NULL) {
            void *found = stub_real_dlsym(handle, hook_names[hook]);
            dlclose(handle);
            if (found != NULL && found != own) {
                return found;
            }
        }
    }
    void *next = stub_real_dlsym(RTLD_NEXT, hook_names[hook]);
    return next != own ? next : NULL;
}

static struct shim_library *library_of_caller(enum shim_hook hook, const void *caller)
{
    /* Entries are immutable, published once, and bounded by the table; a full table costs time, not
     * correctness. */
    static _Atomic(struct call_site *) sites[CALL_SITES];
    size_t start = ((uintptr_t)caller / 4 * 31 + (size_t)hook) % CALL_SITES;
    for (size_t i = 0; i < CALL_SITES; i++) {
        size_t at = (start + i) % CALL_SITES;
        struct call_site *site = atomic_load_explicit(&sites[at], memory_order_acquire);
        if (site != NULL && site->caller == caller && site->hook == hook) {
            return site->library;
        }
        if (site != NULL) {
            continue;
        }
        void *symbol = symbol_for_caller(hook, caller);
        struct shim_library *library = stub_library_at(stub_hook_family(hook), symbol);
        struct call_site *fresh = library != NULL ? malloc(sizeof *fresh) : NULL;
        if (fresh != NULL) {
            *fresh = (struct call_site){.caller = caller, .hook = hook, .library = library};
            if (!atomic_compare_exchange_strong(&sites[at], &site, fresh)) {
                free(fresh);
            }
        }
        return library;
    }
    return stub_library_at(stub_hook_family(hook), symbol_for_caller(hook, caller));
}

struct shim_library *stub_library(enum shim_hook hook, const SSL *ssl, const void *caller)
{
    bool several;
    struct shim_library *library = only_library(stub_hook_family(hook), &several);
    if (library != NULL) {
        return library;
    }
    if (several && ssl != NULL) {
        const struct shim_engine *engine = stub_engine_if_loaded();
        library = engine != NULL ? engine->openssl_library_of(ssl) : NULL;
        if (library != NULL) {
            return library;
        }
    }
    library = library_of_caller(hook, caller);
    if (several && ssl != NULL && (library == NULL || !library->foreign)) {
        /* Every SSL of a library that we know is known; a caller that used dlsym is bound to none.
         */
        struct shim_library *foreign = only_foreign_library(stub_hook_family(hook));
        library = foreign != NULL ? foreign : library;
    }
    return library != NULL && library->fn[hook] != NULL ? library : NULL;
}
