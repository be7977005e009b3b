/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions that resolve names of hosts. They load the engine if names must be resolved under
 * encryption, or if the process has a TLS library: its next handshake will need the records of the
 * name. Otherwise each function is one check and a call.
 */
#include <errno.h>
#include <link.h>
#include <netdb.h>
#include <nss.h>
#include <stdatomic.h>
#include <string.h>

#include "shim/common/protected_names.h"
#include "shim/stub/direct.h"
#include "shim/stub/locked.h"

/* ---- does the program have a TLS library? ---- */

static int is_tls_library(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash != NULL ? slash + 1 : info->dlpi_name;
    const struct shim_tls_soname *known = shim_tls_soname_of(name);
    *(bool *)found = known != NULL && known->hooked;
    return *(bool *)found ? 1 : 0;
}

/* A TLS library that was found once is assumed to stay. */
static bool tls_is_mapped(void)
{
    static atomic_bool seen;
    bool found = atomic_load_explicit(&seen, memory_order_relaxed);
    if (!found) {
        (void)dl_iterate_phdr(is_tls_library, &found);
        atomic_store_explicit(&seen, found, memory_order_relaxed);
    }
    return found;
}

/* ---- without an engine ---- */

/* Uses only those services of the C library that send no question over the network. */
static void keep_to_files(void)
{
    (void)__nss_configure_lookup("hosts", "files");
}

/* The engine, if it has a part in this call; else NULL. *refuse: only local files may resolve the
 * name. */
static const struct shim_engine *engine_for_names(bool *refuse)
{
    static struct stub_once once = STUB_ONCE_INIT;
    *refuse = false;
    if (stub_inside() || stub_off()) {
        return NULL;
    }
    bool protected = stub_names_protected();
    if (stub_locked()) {
        /* We can ask no more questions. If names must not go out in the clear, the C library asks
         * none either. */
        *refuse = protected;
        if (protected && stub_engine_if_loaded() == NULL) {
            stub_do_once(&once, keep_to_files);
        }
        return NULL;
    }
    if (!protected && stub_engine_if_loaded() == NULL && !tls_is_mapped()) {
        return NULL;
    }
    const struct shim_engine *engine = stub_engine();
    if (engine == NULL && protected && stub_engine_missing()) {
        stub_do_once(&once, keep_to_files);
        *refuse = true;
    }
    return engine;
}

/* ---- the hooks ---- */

static int on_getaddrinfo(__typeof__(&getaddrinfo) real, const char *node, const char *service,
                          const struct addrinfo *hints, struct addrinfo **result)
{
    bool refuse;
    const struct shim_engine *engine = engine_for_names(&refuse);
    if (engine != NULL) {
        return engine->getaddrinfo(node, service, hints, result);
    }
    if (real == NULL) {
        return EAI_FAIL;
    }
    int error = real(node, service, hints, result);
    return refuse && error == EAI_NONAME ? EAI_FAIL : error;
}

STUB_HOOK(int, getaddrinfo,
          (const char *node, const char *service, const struct addrinfo *hints,
           struct addrinfo **result),
          node, service, hints, result)

/* The C library's own threads resolve here, by the service that the engine has installed. */
static int on_getaddrinfo_a(__typeof__(&getaddrinfo_a) real, int mode, struct gaicb **list,
                            int count, struct sigevent *event)
{
    bool refuse;
    bool allowed = real != NULL;
    const struct shim_engine *engine = engine_for_names(&refuse);
    for (int i = 0; engine != NULL && list != NULL && allowed && i < count; i++) {
        if (list[i] != NULL) {
            allowed =
                engine->name_asked(list[i]->ar_name, list[i]->ar_service, list[i]->ar_request);
        }
    }
    return allowed ? real(mode, list, count, event) : EAI_AGAIN;
}

STUB_HOOK(int, getaddrinfo_a, (int mode, struct gaicb **list, int count, struct sigevent *event),
          mode, list, count, event)

/* False: the function must fail; h_errno says why. */
static bool may_ask(const char *name)
{
    bool refuse;
    const struct shim_engine *engine = engine_for_names(&refuse);
    return engine == NULL || engine->name_asked(name, NULL, NULL);
}

static struct hostent *on_gethostbyname(__typeof__(&gethostbyname) real, const char *name)
{
    if (real == NULL || !may_ask(name)) {
        h_errno = NO_RECOVERY;
        return NULL;
    }
    return real(name);
}

STUB_HOOK(struct hostent *, gethostbyname, (const char *name), name)

static struct hostent *on_gethostbyname2(__typeof__(&gethostbyname2) real, const char *name,
                                         int family)
{
    if (real == NULL || !may_ask(name)) {
        h_errno = NO_RECOVERY;
        return NULL;
    }
    return real(name, family);
}

STUB_HOOK(struct hostent *, gethostbyname2, (const char *name, int family), name, family)

static int on_gethostbyname_r(__typeof__(&gethostbyname_r) real, const char *name,
                              struct hostent *entry, char *buffer, size_t size,
                              struct hostent **result, int *h_error)
{
    if (real == NULL || !may_ask(name)) {
        *result = NULL;
        *h_error = NO_RECOVERY;
        return EAGAIN;
    }
    return real(name, entry, buffer, size, result, h_error);
}

STUB_HOOK(int, gethostbyname_r,
          (const char *name, struct hostent *entry, char *buffer, size_t size,
           struct hostent **result, int *h_error),
          name, entry, buffer, size, result, h_error)

static int on_gethostbyname2_r(__typeof__(&gethostbyname2_r) real, const char *name, int family,
                               struct hostent *entry, char *buffer, size_t size,
                               struct hostent **result, int *h_error)
{
    if (real == NULL || !may_ask(name)) {
        *result = NULL;
        *h_error = NO_RECOVERY;
        return EAGAIN;
    }
    return real(name, family, entry, buffer, size, result, h_error);
}

STUB_HOOK(int, gethostbyname2_r,
          (const char *name, int family, struct hostent *entry, char *buffer, size_t size,
           struct hostent **result, int *h_error),
          name, family, entry, buffer, size, result, h_error)
