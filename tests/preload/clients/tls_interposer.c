/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A preload that defines some functions of TLS libraries, and calls the next definition of each; it
 * reports each once. */
#include <dlfcn.h>
#include <stdio.h>

typedef void *any_function(void *, void *, void *, void *);

static void *lead_on(const char *name, any_function **next, void *const arguments[4])
{
    if (*next == NULL) {
        *next = (any_function *)dlsym(RTLD_NEXT, name);
        fprintf(stderr, "%s was interposed\n", name);
    }
    return (*next)(arguments[0], arguments[1], arguments[2], arguments[3]);
}

/* Passing on more arguments than there are is harmless on every machine that we know. */
#define INTERPOSE(name)                                                                            \
    void *name(void *a, void *b, void *c, void *d);                                                \
    void *name(void *a, void *b, void *c, void *d)                                                 \
    {                                                                                              \
        static any_function *next;                                                                 \
        return lead_on(#name, &next, (void *[]){a, b, c, d});                                      \
    }

INTERPOSE(SSL_CTX_new)
INTERPOSE(SSL_new)
INTERPOSE(SSL_connect)
INTERPOSE(SSL_write)
INTERPOSE(SSL_read)
INTERPOSE(gnutls_init)
INTERPOSE(gnutls_handshake)
INTERPOSE(gnutls_server_name_set)
INTERPOSE(gnutls_record_send)
INTERPOSE(gnutls_deinit)
