/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chains of BIOs that a program changes. When a BIO_f_ssl is pushed or popped, libssl gives its SSL
 * another transport. In a libssl that was linked with -Bsymbolic no hook sees that call. Such a
 * libssl also puts our filter into the chain of a BIO_f_ssl that gets its SSL within a handshake.
 * So before a chain changes, the filter leaves the SSL and the chain, and afterwards it comes back
 * over what is the transport then.
 */
#include <openssl/bio.h>
#include <stdatomic.h>

#include "shim/stub/crypto_functions.h"
#include "shim/stub/library.h"
#include "shim/stub/symbol.h"

/* The libcrypto that has the BIOs. */
struct bio_functions {
    __typeof__(&BIO_find_type) find_type;
    __typeof__(&BIO_next) next;
    __typeof__(&BIO_ctrl) ctrl;
    __typeof__(&BIO_up_ref) up_ref;
    __typeof__(&BIO_set_next) set_next;
    __typeof__(&BIO_free_all) free_all;
};

static bool find_functions(const struct link_map *object, struct bio_functions *out)
{
#define FIND(name) ((__typeof__(&BIO_##name))stub_symbol_of(object, "BIO_" #name))
    *out = (struct bio_functions){.find_type = FIND(find_type),
                                  .next = FIND(next),
                                  .ctrl = FIND(ctrl),
                                  .up_ref = FIND(up_ref),
                                  .set_next = FIND(set_next),
                                  .free_all = FIND(free_all)};
#undef FIND
    return out->find_type != NULL && out->next != NULL && out->ctrl != NULL &&
           out->up_ref != NULL && out->set_next != NULL && out->free_all != NULL;
}

/* Those of each libcrypto that is never unloaded: six look-ups at each push and pop would cost as
 * much as the rest of the shim's own code in a handshake. */
enum { NOT_LOOKED, LOOKING, FOUND, LACKING };
struct kept_functions {
    atomic_int state;
    struct bio_functions bios;
};

/* `member`: the real function of that hook. False: the object that has it lacks others, for it is a
 * preload, or its version is too old. */
static bool functions_of(enum shim_hook hook, const void *member, struct bio_functions *out)
{
    static struct kept_functions all[SHIM_HOOK_COUNT - SHIM_HOOK_BIO_push][STUB_CRYPTO_MAX];
    unsigned place = stub_crypto_place(hook, member);
    struct kept_functions *kept =
        place < STUB_CRYPTO_MAX ? &all[hook - SHIM_HOOK_BIO_push][place] : NULL;
    int state = kept != NULL ? atomic_load_explicit(&kept->state, memory_order_acquire) : LOOKING;
    if (state == FOUND || state == LACKING) {
        *out = kept->bios;
        return state == FOUND;
    }
    const struct link_map *object = stub_object_at(member);
    *out = (struct bio_functions){.find_type = NULL};
    bool found = object != NULL && find_functions(object, out);
    if (state == NOT_LOOKED && atomic_compare_exchange_strong(&kept->state, &state, LOOKING)) {
        kept->bios = *out;
        atomic_store_explicit(&kept->state, found ? FOUND : LACKING, memory_order_release);
    }
    return found;
}

/* A call that changes a chain: BIO_push, or one with one argument. */
struct change {
    const struct shim_engine *engine;
    struct bio_functions bios;
    __typeof__(&BIO_push) push; /* NULL: it is the other */
    __typeof__(&BIO_pop) single;
    BIO *bio;
    BIO *append;
};

static BIO *call(const struct change *change)
{
    return change->push != NULL ? change->push(change->bio, change->append)
                                : change->single(change->bio);
}

/* The BIO below a BIO_f_ssl is our filter: puts the program's in its place. */
static void leave_chain(const struct change *change, struct shim_library *library, BIO *tls)
{
    BIO *next = change->bios.next(tls);
    BIO *below = change->engine->openssl_visible_bio(library, next);
    if (below == next) {
        return;
    }
    struct shim_hold hold;
    shim_hold_begin(&hold);
    if (below != NULL) {
        change->bios.up_ref(below);
    }
    change->bios.set_next(tls, below);
    change->bios.free_all(next); /* with the reference of the filter, if it is the last of these */
    shim_hold_end(&hold);
}

/* Makes the call while no SSL in the chains that begin at `at` and `then` has our filter. */
static BIO *without_filters(const struct change *change, BIO *at, BIO *then)
{
    BIO *tls = at != NULL ? change->bios.find_type(at, BIO_TYPE_SSL) : NULL;
    if (tls == NULL) {
        return then != NULL ? without_filters(change, then, NULL) : call(change);
    }
    SSL *ssl = NULL;
    (void)change->bios.ctrl(tls, BIO_C_GET_SSL, 0, &ssl);
    struct shim_library *library = ssl != NULL ? change->engine->openssl_library_of(ssl) : NULL;
    if (library == NULL) {
        return without_filters(change, change->bios.next(tls), then);
    }
    change->engine->openssl_bio_leaving(library, ssl);
    leave_chain(change, library, tls);
    BIO *result = without_filters(change, change->bios.next(tls), then);
    change->engine->openssl_bio_replaced(library, ssl);
    return result;
}

static BIO *make_change(struct change *change, enum shim_hook hook, const void *function)
{
    change->engine = stub_engine_if_loaded();
    if (change->engine == NULL || !functions_of(hook, function, &change->bios)) {
        return call(change);
    }
    return without_filters(change, change->bio, change->append);
}

SHIM_EXPORT BIO *BIO_push(BIO *bio, BIO *append)
{
    __typeof__(&BIO_push) real =
        (__typeof__(&BIO_push))stub_crypto_function(SHIM_HOOK_BIO_push, CALLER);
    struct change change = {.push = real, .bio = bio, .append = append};
    return real != NULL ? make_change(&change, SHIM_HOOK_BIO_push, (const void *)real) : bio;
}

/* The body of a function that has one argument. */
#define CHANGES_CHAIN(name)                                                                        \
    __typeof__(&name) real = (__typeof__(&name))stub_crypto_function(SHIM_HOOK_##name, CALLER);    \
    struct change change = {.single = real, .bio = bio};                                           \
    return real != NULL ? make_change(&change, SHIM_HOOK_##name, (const void *)real) : NULL;

SHIM_EXPORT BIO *BIO_pop(BIO *bio){CHANGES_CHAIN(BIO_pop)}

SHIM_EXPORT BIO *BIO_dup_chain(BIO *bio)
{
    CHANGES_CHAIN(BIO_dup_chain)
}
