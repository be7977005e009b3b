/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A native addon of node with a TLS library of its own, from a handle: the system's libssl. The
 * official node has another one linked in, with functions of the same names. */
#include "client.h"

#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../facts.h"

static void *find(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (found == NULL || found == dlsym(RTLD_DEFAULT, name)) {
        fail("%s is node's", name);
    }
    return found;
}

#define FIND(name) __typeof__(&name) p_##name = (__typeof__(&name))find(handle, #name)

static void fetch(const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    void *handle = dlopen(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fail("%s", dlerror());
    }
    FIND(TLS_method);
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_free);
    FIND(SSL_new);
    FIND(SSL_free);
    FIND(SSL_ctrl);
    FIND(SSL_set_fd);
    FIND(SSL_connect);
    FIND(SSL_read);
    FIND(SSL_write);
    SSL_CTX *ctx = p_SSL_CTX_new(p_TLS_method());
    SSL *ssl = p_SSL_new(ctx);
    int fd = dial(target);
    int len = (int)make_request(target, request, sizeof request);
    p_SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               (void *)(size_t)target->host);
    p_SSL_set_fd(ssl, fd);
    if (p_SSL_connect(ssl) != 1 || p_SSL_write(ssl, request, len) != len) {
        fail("SSL_connect or SSL_write failed");
    }
    while ((got = p_SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, target);
    p_SSL_free(ssl);
    p_SSL_CTX_free(ctx);
    close(fd);
}

/* The function that node calls in an addon (Node-API). */
void *napi_register_module_v1(void *environment, void *exports);
void *napi_register_module_v1(void *environment, void *exports)
{
    struct target target = {.host = getenv("TARGET"), .port = "443", .ca = getenv("CA")};
    (void)environment;
    fetch(&target);
    printf("all is well\n");
    (void)fflush(stdout);
    return exports;
}
