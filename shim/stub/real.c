/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the function that a caller would have got without us. RTLD_NEXT is not enough: a libssl
 * that came by dlopen(RTLD_LOCAL) is in the search order of its user alone, and a process may have
 * two of them.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/stub/stub.h"
#include "shim/stub/symbol.h"
#include "shim/stub/text.h"

enum { CALL_SITES = 512 };

static const char *const hook_names[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = #name,
#include "shim/common/hooks.def"
#undef HOOK
};

static const uint8_t hook_families[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = SHIM_FAMILY_##family,
#include "shim/common/hooks.def"
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

/* ---- the objects that the program started with ---- */

/*
 * The loader's list begins with the program. The preloads follow, then what these need, in the
 * order of the loader's search. These objects are never unloaded, so walking over them takes no
 * lock. Objects that dlopen brings come at the end.
 */
const struct link_map *stub_object(void)
{
    static _Atomic(const struct link_map *) own;
    const struct link_map *object = atomic_load_explicit(&own, memory_order_relaxed);
    if (object == NULL) {
        Dl_info info;
        struct link_map *found = NULL;
        (void)dladdr1((const void *)stub_object, &info, (void **)&found, RTLD_DL_LINKMAP);
        object = found;
        atomic_store_explicit(&own, object, memory_order_relaxed);
    }
    return object;
}

const struct link_map *stub_object_at(const void *address)
{
    Dl_info info;
    struct link_map *found = NULL;
    return dladdr1(address, &info, (void **)&found, RTLD_DL_LINKMAP) != 0 ? found : NULL;
}

const struct link_map *stub_first_object(const struct link_map *object)
{
    while (object != NULL && object->l_prev != NULL) {
        object = object->l_prev;
    }
    return object;
}

static bool is_named(const struct link_map *object, const char *name)
{
    return stub_text_begins(stub_base_name(object->l_name), name);
}

/* Before glibc 2.34 the C library had several files. */
bool stub_is_c_library(const struct link_map *object)
{
    return is_named(object, "libc.so.") || is_named(object, "libpthread.so.") ||
           is_named(object, "libdl.so.");
}

bool stub_is_stub(const struct link_map *object)
{
    return object != NULL && is_named(object, "libechshim.so");
}

bool stub_is_early(const struct link_map *object)
{
    static _Atomic(const struct link_map *) last;
    const struct link_map *end = atomic_load_explicit(&last, memory_order_relaxed);
    const struct link_map *at = stub_object();
    if (end == NULL) { /* our constructor asks first */
        for (end = at; end->l_next != NULL; end = end->l_next) {
        }
        atomic_store_explicit(&last, end, memory_order_relaxed);
    }
    for (at = stub_first_object(at); at != object && at != end; at = at->l_next) {
    }
    return at == object;
}

bool stub_calls_back(const struct link_map *object, enum shim_hook hook)
{
    const struct link_map *at = stub_object();
    for (at = at != NULL ? at->l_next : NULL; at != NULL && !stub_is_c_library(at);
         at = at->l_next) {
        if (at == object) {
            return stub_symbol_of(at, hook_names[hook]) != NULL;
        }
    }
    return false;
}

/* Finds the C library's own function, wherever the library stands in the list. */
static void *find_in_c_library(const char *name)
{
    const struct link_map *at = stub_first_object(stub_object());
    void *found = NULL;
    for (; at != NULL && found == NULL; at = at->l_next) {
        found = stub_is_c_library(at) ? stub_symbol_of(at, name) : NULL;
    }
    return found;
}

/* What dlsym(RTLD_NEXT) would give. */
static void *find_next(const char *name)
{
    const struct link_map *at = stub_object();
    void *found = NULL;
    for (at = at != NULL ? at->l_next : NULL; at != NULL && found == NULL; at = at->l_next) {
        found = stub_symbol_of(at, name);
        if (is_named(at, "libc.so.")) {
            break;
        }
    }
    return found != NULL ? found : find_in_c_library(name);
}

static void *remembered(_Atomic(void *) *memory, void *(*find)(const char *name), const char *name)
{
    static const char nothing[1];
    void *function = atomic_load_explicit(memory, memory_order_relaxed);
    if (function == NULL) {
        function = find(name);
        atomic_store_explicit(memory, function != NULL ? function : (void *)(uintptr_t)nothing,
                              memory_order_relaxed);
    }
    return function != nothing ? function : NULL;
}

void *stub_libc(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_next, hook_names[hook]);
}

/* Finds the function among the preloads before us. The program's own function of that name may be
 * anything, so it is left out. */
static void *find_front(const char *name)
{
    const struct link_map *at = stub_first_object(stub_object());
    void *found = NULL;
    for (at = at->l_next; at != NULL && at != stub_object() && found == NULL; at = at->l_next) {
        found = stub_symbol_of(at, name);
    }
    return found != NULL ? found : find_next(name);
}

void *stub_libc_front(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_front, hook_names[hook]);
}

void *stub_libc_own(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_in_c_library, hook_names[hook]);
}

void *stub_real_dlsym(void *handle, const char *name)
{
    dlsym_function *function = (dlsym_function *)stub_libc_own(SHIM_HOOK_dlsym);
    return function != NULL ? function(handle, name) : NULL;
}

static void *real_dlopen(const char *file, int flags)
{
    __typeof__(&dlopen) function = (__typeof__(&dlopen))stub_libc_own(SHIM_HOOK_dlopen);
    return function != NULL ? function(file, flags) : NULL;
}

/* ---- the libraries of the process ---- */

/* A list that only grows, by compare-and-swap at its end. So there is no lock that a fork could
 * leave locked. */
struct known_library {
    struct shim_library library;
    _Atomic(struct known_library *) next;
};
static _Atomic(struct known_library *) libraries;

/* Does the file hold a TLS library and nothing else? A program that contains its TLS library calls
 * it from the same mapping. */
static bool is_library_alone(const char *path)
{
    const char *name = stub_base_name(path);
    return stub_text_begins(name, "libssl") || stub_text_begins(name, "libgnutls");
}

/* context: a library with its `base` set. */
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

/*
 * Is this object a TLS library of the family, and in our reach? An object with only some of the
 * functions wraps another library. The program itself has no handle, and calls its own functions
 * past any hook. In another namespace the stub of that namespace takes care.
 */
static bool is_library(enum shim_family family, const struct link_map *object)
{
    if (object == NULL || object->l_name[0] == '\0' ||
        stub_first_object(object) != stub_first_object(stub_object())) {
        return false;
    }
    for (size_t i = 0; i < SHIM_TLS_FUNCTIONS; i++) {
        if (stub_symbol_of(object, shim_tls_libraries[family].functions[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static struct known_library *library_new(enum shim_family family, const struct link_map *object,
                                         const void *base)
{
    struct known_library *known = calloc(1, sizeof *known);
    if (known == NULL) {
        return NULL;
    }
    struct shim_library *library = &known->library;
    library->family = family;
    library->base = base;
    library->end = base;
    (void)dl_iterate_phdr(find_end, library);
    library->handle = real_dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD);
    if (library->handle == NULL) {
        free(known);
        return NULL;
    }
    for (int hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (hook_families[hook] == family) {
            library->fn[hook] = stub_symbol_of(object, hook_names[hook]);
        }
    }
    return known;
}

struct shim_library *stub_library_at(enum shim_family family, const void *address)
{
    Dl_info info;
    struct link_map *object = NULL;
    if (address == NULL || dladdr1(address, &info, (void **)&object, RTLD_DL_LINKMAP) == 0) {
        return NULL;
    }
    struct known_library *fresh = NULL;
    _Atomic(struct known_library *) *at = &libraries;
    for (;;) {
        struct known_library *seen = atomic_load_explicit(at, memory_order_acquire);
        if (seen == NULL) {
            if (fresh == NULL && is_library(family, object)) {
                fresh = library_new(family, object, info.dli_fbase);
            }
            if (fresh == NULL) {
                return NULL;
            }
            if (atomic_compare_exchange_strong(at, &seen, fresh)) {
                return &fresh->library;
            }
        }
        if (seen->library.base == info.dli_fbase && seen->library.family == family) {
            /* The second handle does no harm: the library stays loaded anyway. */
            free(fresh);
            return &seen->library;
        }
        at = &seen->next;
    }
}

/*
 * The only library of a family, or the only one in it that we do not know (`foreign`). NULL: there
 * is none, or there are *several.
 */
static struct shim_library *only_library(enum shim_family family, bool foreign, bool *several)
{
    struct shim_library *only = NULL;
    struct known_library *seen = atomic_load_explicit(&libraries, memory_order_acquire);
    *several = false;
    for (; seen != NULL; seen = atomic_load_explicit(&seen->next, memory_order_acquire)) {
        if (seen->library.family == family && (!foreign || seen->library.foreign)) {
            if (only != NULL) {
                *several = true;
                return NULL;
            }
            only = &seen->library;
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

/* Is the object an interposer that stands before us? It finds its own function in its handle, but
 * wants the next one. */
static bool is_interposer(enum shim_hook hook, const struct link_map *object, const void *symbol)
{
    return stub_object_at(symbol) == object &&
           !is_library((enum shim_family)hook_families[hook], object);
}

static void *symbol_for_caller(enum shim_hook hook, const void *caller)
{
    Dl_info info;
    struct link_map *map = NULL;
    void *own = stub_hook_address(hook);
    if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map != NULL &&
        map->l_name[0] != '\0') {
        void *handle = real_dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
        if (handle != NULL) {
            void *found = stub_real_dlsym(handle, hook_names[hook]);
            dlclose(handle);
            if (found != NULL && found != own && !is_interposer(hook, map, found)) {
                return found;
            }
        }
    }
    void *next = stub_real_dlsym(RTLD_NEXT, hook_names[hook]);
    return next != own ? next : NULL;
}

void *stub_bound(enum shim_hook hook, const void *caller)
{
    void *found = symbol_for_caller(hook, caller);
    (void)dlerror(); /* the program did not make the look-up */
    return found;
}

/*
 * Skips interposers after us, and libraries that wrap another: the adapters work on the TLS library
 * itself. A library that came by dlopen has no interposer in front.
 */
static struct shim_library *library_for_caller(enum shim_hook hook, const void *caller)
{
    enum shim_family family = (enum shim_family)hook_families[hook];
    void *symbol = symbol_for_caller(hook, caller);
    struct shim_library *library = stub_library_at(family, symbol);
    const struct link_map *at = symbol != NULL ? stub_object_at(symbol) : NULL;
    if (at == NULL || !stub_is_early(at)) {
        return library;
    }
    for (at = at->l_next; at != NULL && library == NULL && stub_is_early(at); at = at->l_next) {
        library = stub_library_at(family, stub_symbol_of(at, hook_names[hook]));
    }
    return library;
}

static struct shim_library *library_of_caller(enum shim_hook hook, const void *caller)
{
    /* Entries are published once and never change. A full table costs time, not correctness. */
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
        struct shim_library *library = library_for_caller(hook, caller);
        struct call_site *fresh = library != NULL ? malloc(sizeof *fresh) : NULL;
        if (fresh != NULL) {
            *fresh = (struct call_site){.caller = caller, .hook = hook, .library = library};
            if (!atomic_compare_exchange_strong(&sites[at], &site, fresh)) {
                free(fresh);
            }
        }
        return library;
    }
    return library_for_caller(hook, caller);
}

struct shim_library *stub_library(enum shim_hook hook, const SSL *ssl, const void *caller)
{
    bool several;
    struct shim_library *library = only_library(stub_hook_family(hook), false, &several);
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
        /* The engine knows the library of each SSL that it has seen. A caller that used dlsym is
         * bound to no library. */
        bool many;
        struct shim_library *foreign = only_library(stub_hook_family(hook), true, &many);
        library = foreign != NULL ? foreign : library;
    }
    return library != NULL && library->fn[hook] != NULL ? library : NULL;
}
