/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenSSL as plug-ins and language runtimes load it: by dlopen(RTLD_LOCAL) and dlsym on the handle,
 * so that none of it is in the global scope. */
#include "client.h"

#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "../../facts.h"

#define FIND(name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(handle, #name)

static void run(const struct target *target)
{
    void *handle = dlopen(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fail("%s", dlerror());
    }
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_load_verify_locations);
    FIND(SSL_CTX_set_verify);
    FIND(SSL_CTX_free);
    FIND(SSL_new);
    FIND(SSL_free);
    FIND(SSL_set1_host);
    FIND(SSL_ctrl);
    FIND(SSL_set_fd);
    FIND(SSL_connect);
    FIND(SSL_read);
    FIND(SSL_write);
    FIND(TLS_client_method);
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    int fd = dial(target);
    SSL_CTX *ctx = p_SSL_CTX_new(p_TLS_client_method());
    p_SSL_CTX_load_verify_locations(ctx, target->ca, NULL);
    p_SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL *ssl = p_SSL_new(ctx);
    p_SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               (void *)(size_t)target->host);
    p_SSL_set1_host(ssl, target->host);
    p_SSL_set_fd(ssl, fd);
    int len = (int)make_request(target, request, sizeof request);
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

/* RTLD_DEFAULT must find nothing first: otherwise the test would prove nothing. */
static void run_checked(const struct target *target)
{
    if (dlsym(RTLD_DEFAULT, "SSL_CIPHER_get_name") != NULL) {
        fail("libssl is in the global scope");
    }
    run(target);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"dlopen", run_checked}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
