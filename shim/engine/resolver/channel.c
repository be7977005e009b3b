/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/resolver/channel.h"

#include <dlfcn.h>

#include "shim/engine/resolver/ech.h"
#include "shim/engine/resolver/system_names.h"
#include "shim/engine/resolver/verifier.h"
#include "shim/engine/state/log.h"
#include "shim/engine/state/state.h"

static struct dns_tls_library library;
/* By linkage we would get the stub's hooks. A function that is not hooked tells where the library
 * is. */
static bool library_fill(const struct shim_stub *stub)
{
    Dl_info info;
    void *handle = dladdr((const void *)gnutls_record_recv, &info) != 0 && info.dli_fname != NULL
                       ? stub->dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)
                       : NULL;
    if (handle == NULL) {
        return false;
    }
    bool whole = true;
#define F(name)                                                                                    \
    library.name = (__typeof__(&name))stub->dlsym(handle, #name);                                  \
    whole = whole && library.name != NULL;
    DNS_TLS_FUNCTIONS(F)
#undef F
    return whole;
}

static bool verify(void *context, const struct bytes *certificates, size_t count, const char *name,
                   struct bytes address)
{
    (void)context;
    const struct shim_verifier *verifier = shim_resolver_verifier_take();
    bool good =
        verifier != NULL && shim_verifier_is_server(verifier, certificates, count, name, address);
    shim_resolver_verifier_give_back();
    return good;
}

/* Asks the system's resolver: our service leaves this name to it. */
static int ask_system(const char *restrict name, const char *restrict service,
                      const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    (void)service;
    return shim_names_ask_system(name, false, AF_UNSPEC, hints->ai_flags, list);
}

bool shim_resolver_channel_asks(const char *name)
{
    const struct shim_settings *settings = &shim_state()->settings;
    if (settings->resolver_proxy != NULL && settings->resolver_proxy->name == name) {
        return true;
    }
    for (size_t i = 0; i < settings->resolver_count; i++) {
        const struct dns_resolver *resolver = &settings->resolvers[i].resolver;
        for (size_t j = 0; j < resolver->secure_count; j++) {
            if (resolver->secure[j].name == name) {
                return true;
            }
        }
    }
    return false;
}

struct dns_channel *shim_resolver_channel(const struct dns_secure_server *server,
                                          const struct shim_stub *stub, const struct dns_io *io)
{
    if (!library_fill(stub)) {
        return NULL;
    }
    const struct dns_channel_options options = {
        .library = &library,
        .verifier = {.verify = verify},
        .ech = shim_resolver_ech(),
        .proxy = shim_state()->settings.resolver_proxy,
        .getaddrinfo = ask_system,
        .freeaddrinfo = freeaddrinfo,
    };
    return dns_channel_new(server, io, &options);
}
