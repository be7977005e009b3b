/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gnutls_certificate_credentials_t credentials;
/* Shared by all sessions, with LOOP_SHARED_PRIORITIES; NULL: each session has its own. */
static gnutls_priority_t priorities;

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: ", gnutls_strerror(result));
        loop_fail(what);
    }
}

static void handshake(const struct loop_target *target, int fd)
{
    gnutls_session_t session;
    loop_before_object();
    must(gnutls_init(&session, GNUTLS_CLIENT), "gnutls_init");
    must(gnutls_server_name_set(session, GNUTLS_NAME_DNS, target->server_name,
                                strlen(target->server_name)),
         "gnutls_server_name_set");
    gnutls_session_set_verify_cert(session, CERTIFIED_NAME, 0);
    must(priorities != NULL ? gnutls_priority_set(session, priorities)
                            : gnutls_set_default_priority(session),
         "the priorities");
    must(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
    gnutls_transport_set_int(session, fd);
    loop_before_first();
    int result = gnutls_handshake(session);
    if (!loop_after_first()) {
        must(result, "gnutls_handshake");
    }
    gnutls_deinit(session);
}

int main(int argc, char **argv)
{
    struct loop_target target = {.handshake = handshake};
    loop_open(&target, argc, argv);
    must(gnutls_certificate_allocate_credentials(&credentials), "credentials");
    must(gnutls_certificate_set_x509_trust_file(credentials, target.ca, GNUTLS_X509_FMT_PEM),
         target.ca);
    if (getenv("LOOP_SHARED_PRIORITIES") != NULL) {
        must(gnutls_priority_init(&priorities, NULL, NULL), "gnutls_priority_init");
    }
    return loop_run(&target, argv);
}
