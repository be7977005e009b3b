/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A handshake on a thread with a small stack: HOST PORT CAFILE LIBRARY KIB. The main thread
 * resolves and connects. A signal ends the program if the stack is too small. */
#include "openssl_client.h"

#include <gnutls/gnutls.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct target target;
static int fd;
static bool done;

static void *with_openssl(void *argument)
{
    (void)argument;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(ssl, target.host);
    SSL_set_fd(ssl, fd);
    done = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return NULL;
}

static void *with_gnutls(void *argument)
{
    (void)argument;
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, target.host, strlen(target.host));
    gnutls_transport_set_int(session, fd);
    done = gnutls_handshake(session) == 0;
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (argc != 6) {
        fail("HOST PORT CAFILE LIBRARY KIB");
    }
    target = (struct target){.host = argv[1], .port = argv[2], .ca = argv[3]};
    size_t size = strtoul(argv[5], NULL, 10) * 1024;
    char *stack = mmap(NULL, size + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack + 65536, size, PROT_READ | PROT_WRITE) != 0) {
        fail("no stack");
    }
    fd = dial(&target);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack + 65536, size);
    if (pthread_create(&thread, &attributes,
                       strcmp(argv[4], "gnutls") == 0 ? with_gnutls : with_openssl, NULL) != 0) {
        fail("no thread");
    }
    pthread_join(thread, NULL);
    puts(done ? "went through" : "was stopped");
    return 0;
}
