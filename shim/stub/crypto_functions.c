/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/crypto_functions.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "shim/stub/call_sites.h"
#include "shim/stub/symbol.h"

/* The functions that were found so far: a call site's number is a place in here, plus one. */
enum { FIRST_HOOK = SHIM_HOOK_EVP_PKEY_keygen, HOOKS = SHIM_HOOK_COUNT - FIRST_HOOK };
static _Atomic(void *) known[HOOKS][STUB_CRYPTO_MAX];

/* Another function of the same library. An object with the hooked function alone is an interposer
 * between the program and the library. */
static const char *companion_of(enum shim_hook hook)
{
    switch (hook) {
    case SHIM_HOOK_EVP_PKEY_keygen:
        return "EVP_PKEY_keygen_init";
    case SHIM_HOOK_nettle_curve25519_mul_g:
        return "nettle_curve25519_mul";
    case SHIM_HOOK_nettle_curve448_mul_g:
        return "nettle_curve448_mul";
    case SHIM_HOOK_nettle_ecdsa_generate_keypair:
        return "nettle_ecdsa_sign";
    case SHIM_HOOK_X25519_keypair:
        return "X25519";
    case SHIM_HOOK_EVP_HPKE_CTX_setup_sender:
    case SHIM_HOOK_EVP_HPKE_CTX_seal:
        return "EVP_HPKE_CTX_new";
    case SHIM_HOOK_OSSL_HPKE_encap:
    case SHIM_HOOK_OSSL_HPKE_seal:
        return "OSSL_HPKE_CTX_new";
    default:
        return "BIO_find_type";
    }
}

static bool is_maker(enum shim_hook hook, const struct link_map *object)
{
    return stub_symbol_of(object, stub_hook_name(hook)) != NULL &&
           stub_symbol_of(object, companion_of(hook)) != NULL;
}

/* What the loader finds in an object and in what that needs. The object is opened once more, and
 * stays open: glibc makes the list of what a library needs only when it is opened. */
static void *in_scope_of(enum shim_hook hook, const struct link_map *object)
{
    __typeof__(&dlopen) real_dlopen = (__typeof__(&dlopen))stub_libc_own(SHIM_HOOK_dlopen);
    void *handle =
        real_dlopen != NULL ? real_dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    return handle != NULL ? stub_real_dlsym(handle, stub_hook_name(hook)) : NULL;
}

/* The function of another preload behind us: it stands before every library. NULL: there is none.
 */
static void *interposed(enum shim_hook hook)
{
    const struct link_map *at = stub_object();
    void *found = NULL;
    for (at = at->l_next; at != NULL && found == NULL && stub_is_early(at); at = at->l_next) {
        found = stub_symbol_of(at, stub_hook_name(hook));
        if (found != NULL && is_maker(hook, at)) {
            return NULL;
        }
    }
    return found;
}

struct search {
    enum shim_hook hook;
    void *found;
};

static int look_into(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;
    struct link_map object = {.l_addr = info->dlpi_addr};
    (void)size;
    if (strchr(info->dlpi_name, '/') == NULL) {
        return 0; /* the program, or the kernel's page, whose tables have other addresses */
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            object.l_ld = (ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        }
    }
    if (object.l_ld != NULL && object.l_addr != stub_object()->l_addr &&
        is_maker(search->hook, &object)) {
        search->found = stub_symbol_of(&object, stub_hook_name(search->hook));
    }
    return search->found != NULL;
}

/* For a caller that the loader would have bound to nothing we know of: a tail call, by way of a
 * library that came by dlopen(RTLD_LOCAL). */
static void *in_any_object(enum shim_hook hook)
{
    struct search search = {.hook = hook};
    (void)dl_iterate_phdr(look_into, &search);
    return search.found;
}

static void *find(enum shim_hook hook, const void *caller)
{
    const char *name = stub_hook_name(hook);
    const struct link_map *object = stub_object_at(caller);
    void *own = stub_hook_address(hook);
    void *found = interposed(hook);
    if (found != NULL) {
        return found;
    }
    if (object != NULL && is_maker(hook, object)) {
        found = stub_symbol_of(object, name);
    } else if (object != NULL && object->l_name[0] != '\0' && stub_symbol_needed(object, name)) {
        found = in_scope_of(hook, object);
    }
    if (found == NULL || found == own) {
        found = stub_real_dlsym(RTLD_NEXT, name);
    }
    (void)stub_real_dlerror(); /* the program did not make the look-up */
    return found != NULL && found != own ? found : in_any_object(hook);
}

/* Keeps the object of a function loaded. */
static bool pin(const void *function)
{
    const struct link_map *object = stub_object_at(function);
    bool pinned =
        object != NULL && (object->l_name[0] == '\0' ||
                           stub_real_dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD) != NULL);
    (void)stub_real_dlerror();
    return pinned;
}

/* The place of a function among the known ones, plus one; 0: there is no room. */
static unsigned number_of(enum shim_hook hook, void *function)
{
    for (unsigned i = 0; i < STUB_CRYPTO_MAX; i++) {
        void *seen = atomic_load_explicit(&known[hook - FIRST_HOOK][i], memory_order_acquire);
        if (seen == NULL && pin(function) &&
            atomic_compare_exchange_strong(&known[hook - FIRST_HOOK][i], &seen, function)) {
            return i + 1;
        }
        if (seen == function) {
            return i + 1;
        }
    }
    return 0;
}

unsigned stub_crypto_place(enum shim_hook hook, const void *function)
{
    unsigned i = 0;
    while (i < STUB_CRYPTO_MAX &&
           atomic_load_explicit(&known[hook - FIRST_HOOK][i], memory_order_acquire) != function) {
        i++;
    }
    return i;
}

void *stub_crypto_function(enum shim_hook hook, const void *caller)
{
    int number = stub_site_get(hook, caller);
    if (number > 0) {
        return atomic_load_explicit(&known[hook - FIRST_HOOK][number - 1], memory_order_acquire);
    }
    void *function = find(hook, caller);
    unsigned found = function != NULL ? number_of(hook, function) : 0;
    if (found != 0) {
        stub_site_set(hook, caller, found);
    }
    return function;
}
