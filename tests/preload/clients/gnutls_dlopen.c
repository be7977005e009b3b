/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GnuTLS loaded by dlopen(RTLD_LOCAL) and dlsym on the handle, as GLib's TLS module does. */
#include "client.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIND(name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(handle, #name)

static void run(const struct target *target)
{
    if (dlsym(RTLD_DEFAULT, "gnutls_check_version") != NULL) {
        fail("libgnutls is in the global scope");
    }
    void *handle = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fail("%s", dlerror());
    }
    FIND(gnutls_certificate_allocate_credentials);
    FIND(gnutls_certificate_set_x509_trust_file);
    FIND(gnutls_certificate_free_credentials);
    FIND(gnutls_init);
    FIND(gnutls_deinit);
    FIND(gnutls_server_name_set);
    FIND(gnutls_session_set_verify_cert);
    FIND(gnutls_set_default_priority);
    FIND(gnutls_credentials_set);
    FIND(gnutls_transport_set_int2);
    FIND(gnutls_handshake);
    FIND(gnutls_record_send);
    FIND(gnutls_record_recv);
    FIND(gnutls_strerror);
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    ssize_t got;
    int fd = dial(target);
    p_gnutls_certificate_allocate_credentials(&credentials);
    p_gnutls_certificate_set_x509_trust_file(credentials, target->ca, GNUTLS_X509_FMT_PEM);
    p_gnutls_init(&session, GNUTLS_CLIENT);
    p_gnutls_server_name_set(session, GNUTLS_NAME_DNS, target->host, strlen(target->host));
    p_gnutls_session_set_verify_cert(session, target->host, 0);
    p_gnutls_set_default_priority(session);
    p_gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    p_gnutls_transport_set_int2(session, fd, fd);
    int result = p_gnutls_handshake(session);
    if (result != GNUTLS_E_SUCCESS) {
        fail("gnutls_handshake: %s", p_gnutls_strerror(result));
    }
    size_t len = make_request(target, request, sizeof request);
    if (p_gnutls_record_send(session, request, len) != (ssize_t)len) {
        fail("gnutls_record_send failed");
    }
    /* A session ticket looks like "again". */
    while ((got = p_gnutls_record_recv(session, chunk, sizeof chunk)) > 0 ||
           got == GNUTLS_E_AGAIN) {
        response_add(&response, chunk, got > 0 ? (size_t)got : 0);
    }
    response_check(&response, target);
    p_gnutls_deinit(session);
    p_gnutls_certificate_free_credentials(credentials);
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"dlopen", run}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
