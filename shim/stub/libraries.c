/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the TLS library that a caller means. RTLD_NEXT is not enough: a libssl that came by
 * dlopen(RTLD_LOCAL) is in the search order of its user alone, and a process may have two of them.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/stub/call_sites.h"
#include "shim/stub/detours.h"
#include "shim/stub/entries.h"
#include "shim/stub/stub.h"
#include "shim/stub/symbol.h"
#include "shim/stub/text.h"

/* ---- the libraries of the process ---- */

/* A list that only grows, by compare-and-swap at its end. So there is no lock that a fork could
 * leave locked. */
struct known_library {
    struct shim_library library;
    _Atomic(struct known_library *) next;
};
static _Atomic(struct known_library *) libraries;

/* Does the object hold a TLS library and nothing else? A program that contains its TLS library
 * calls it from the same mapping. Applications rename their copies, so the file's name says
 * nothing. */
static bool is_library_alone(enum shim_family family, const struct link_map *object)
{
    return stub_symbols_mostly_have(object, family == SHIM_FAMILY_GNUTLS ? "gnutls_" : "SSL_");
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
    library->end = (const void *)highest;
    return 1;
}

bool stub_library_calls(const struct shim_library *library, const void *caller)
{
    return caller >= library->base && caller < library->end;
}

/* Does the object make its handshakes with a TLS library of another family, as GnuTLS's layer with
 * the names of OpenSSL does? Then that library is the one that counts. */
static bool wraps_another_family(enum shim_family family, const struct link_map *object)
{
    for (enum shim_family other = SHIM_FAMILY_LIBC + 1; other < SHIM_FAMILY_COUNT; other++) {
        if (other != family && stub_symbol_needed(object, shim_tls_libraries[other].functions[0])) {
            return true;
        }
    }
    return false;
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
    return !wraps_another_family(family, object);
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
    if (is_library_alone(family, object)) {
        (void)dl_iterate_phdr(find_end, library);
    }
    library->handle = stub_real_dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD);
    if (library->handle == NULL) {
        free(known);
        return NULL;
    }
    for (enum shim_hook hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (stub_hook_family(hook) == family) {
            library->fn[hook] = stub_symbol_of(object, stub_hook_name(hook));
        }
    }
    return known;
}

struct shim_library *stub_library_at(enum shim_family family, const void *address)
{
    const void *base = NULL;
    const struct link_map *object = address != NULL ? stub_object_and_base(address, &base) : NULL;
    if (object == NULL) {
        return NULL;
    }
    struct known_library *fresh = NULL;
    _Atomic(struct known_library *) *at = &libraries;
    unsigned number = 1;
    for (;;) {
        struct known_library *seen = atomic_load_explicit(at, memory_order_acquire);
        if (seen == NULL) {
            if (fresh == NULL && is_library(family, object)) {
                fresh = library_new(family, object, base);
            }
            if (fresh == NULL) {
                return NULL;
            }
            fresh->library.number = number;
            if (atomic_compare_exchange_strong(at, &seen, fresh)) {
                return &fresh->library;
            }
        }
        number += seen->library.family == family;
        if (seen->library.base == base && seen->library.family == family) {
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

/* Is the object an interposer that stands before us? It finds its own function in its handle, but
 * wants the next one. */
static bool is_interposer(enum shim_hook hook, const struct link_map *object, const void *symbol)
{
    return stub_object_at(symbol) == object && !is_library(stub_hook_family(hook), object);
}

static void *symbol_for_caller(enum shim_hook hook, const void *caller)
{
    const struct link_map *map = stub_object_at(caller);
    void *own = stub_hook_address(hook);
    if (map != NULL && map->l_name[0] != '\0') {
        void *handle = stub_real_dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
        if (handle != NULL) {
            void *found = stub_real_dlsym(handle, stub_hook_name(hook));
            dlclose(handle);
            if (found != NULL && found != own && !is_interposer(hook, map, found)) {
                return found;
            }
        }
    }
    void *next = stub_real_dlsym(RTLD_NEXT, stub_hook_name(hook));
    return next != own ? next : NULL;
}

void *stub_bound(enum shim_hook hook, const void *caller)
{
    const struct shim_library *inside = stub_detours_library_of(caller);
    if (inside != NULL) {
        return inside->fn[hook];
    }
    void *found = symbol_for_caller(hook, caller);
    (void)stub_real_dlerror(); /* the program did not make the look-up */
    return found;
}

/*
 * Skips interposers after us, and libraries that wrap another: the adapters work on the TLS library
 * itself. A library that came by dlopen has no interposer in front.
 */
static struct shim_library *library_for_caller(enum shim_hook hook, const void *caller)
{
    enum shim_family family = stub_hook_family(hook);
    void *symbol = symbol_for_caller(hook, caller);
    struct shim_library *library = stub_library_at(family, symbol);
    const struct link_map *at = symbol != NULL ? stub_object_at(symbol) : NULL;
    if (at == NULL || !stub_is_early(at)) {
        return library;
    }
    for (at = at->l_next; at != NULL && library == NULL && stub_is_early(at); at = at->l_next) {
        library = stub_library_at(family, stub_symbol_of(at, stub_hook_name(hook)));
    }
    return library;
}

static struct shim_library *library_numbered(enum shim_family family, unsigned number)
{
    struct known_library *seen = atomic_load_explicit(&libraries, memory_order_acquire);
    for (; seen != NULL; seen = atomic_load_explicit(&seen->next, memory_order_acquire)) {
        if (seen->library.family == family && seen->library.number == number) {
            return &seen->library;
        }
    }
    return NULL;
}

static struct shim_library *library_of_caller(enum shim_hook hook, const void *caller)
{
    int number = stub_site_get(hook, caller);
    if (number != STUB_SITE_UNKNOWN) {
        return library_numbered(stub_hook_family(hook), (unsigned)number);
    }
    struct shim_library *library = library_for_caller(hook, caller);
    stub_site_set(hook, caller, library != NULL ? library->number : 0);
    return library;
}

/* The library that made an SSL or a session, as far as the engine has seen it. */
static struct shim_library *library_of_object(enum shim_family family, const void *object)
{
    const struct shim_engine *engine = object != NULL ? stub_engine_if_loaded() : NULL;
    if (engine == NULL) {
        return NULL;
    }
    return family == SHIM_FAMILY_GNUTLS
               ? engine->gnutls_library_of((gnutls_session_t)(uintptr_t)object)
               : engine->openssl_library_of(object);
}

/*
 * The library for a call that came by no entry. The object decides if there are several libraries.
 * Otherwise the caller does: even if only one library is known so far, the caller may be the first
 * to use another. A caller that took our hook's address from elsewhere is bound to none.
 */
static struct shim_library *find_library(enum shim_hook hook, const void *object,
                                         const void *caller)
{
    enum shim_family family = stub_hook_family(hook);
    bool several;
    struct shim_library *only = only_library(family, false, &several);
    struct shim_library *library = several ? library_of_object(family, object) : NULL;
    if (library != NULL) {
        return library;
    }
    library = library_of_caller(hook, caller);
    if (several && object != NULL && (library == NULL || !library->foreign)) {
        /* The engine knows the library of each object that it has seen. So the object is of a
         * library that it does not support. */
        bool many;
        struct shim_library *foreign = only_library(family, true, &many);
        library = foreign != NULL ? foreign : library;
    }
    return library != NULL ? library : only;
}

/* The library for a call that came by a detour. The loader binds another libssl's calls of its own
 * functions to the program's, of the same names. With an SSL that the other library made, these
 * calls go back to that library. */
static struct shim_library *library_behind_detour(enum shim_hook hook, const void *ssl,
                                                  const void *caller)
{
    struct shim_library *inside = stub_detours_library_of(caller);
    struct shim_library *owner =
        inside != NULL ? library_of_object(SHIM_FAMILY_OPENSSL, ssl) : NULL;
    return owner != NULL && owner->fn[hook] != NULL ? owner : inside;
}

struct shim_library *stub_library(enum shim_hook hook, const void *object, const void *caller)
{
    unsigned entered = stub_entered_by(hook);
    struct shim_library *library = library_behind_detour(hook, object, caller);
    if (library == NULL && entered != 0) {
        library = library_numbered(stub_hook_family(hook), entered);
    }
    if (library == NULL) {
        library = find_library(hook, object, caller);
    }
    return library != NULL && library->fn[hook] != NULL ? library : NULL;
}

/* Is it the library that the program's own calls reach? */
static bool is_first_early(const struct shim_library *library)
{
    const struct link_map *object = stub_object_at(library->base);
    const struct link_map *at = stub_object();
    if (object == NULL || !stub_is_early(object)) {
        return false;
    }
    while (at != NULL && at != object && !is_library(library->family, at)) {
        at = at->l_next;
    }
    return at == object;
}

void *stub_hook_for(const struct shim_library *library, enum shim_hook hook)
{
    void *entry = is_first_early(library) ? NULL : stub_entry(library, hook);
    return entry != NULL ? entry : stub_hook_address(hook);
}
