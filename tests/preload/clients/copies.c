/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of TLS libraries, as applications ship them: opened by path and called through their
 * handle, one after the other or several at the same time, with the system's own library or
 * without. COPIES in the environment has their paths, separated by colons. The program itself is
 * linked with libssl and libgnutls.
 */
#include "client.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPIES_MAX = 4, REOPENED = 20 };

#define OPENSSL_FUNCTIONS(F)                                                                       \
    F(SSL_CTX_new)                                                                                 \
    F(SSL_CTX_load_verify_locations)                                                               \
    F(SSL_CTX_set_verify)                                                                          \
    F(SSL_CTX_free)                                                                                \
    F(SSL_new)                                                                                     \
    F(SSL_free)                                                                                    \
    F(SSL_set1_host)                                                                               \
    F(SSL_ctrl)                                                                                    \
    F(SSL_set_fd)                                                                                  \
    F(SSL_set_info_callback)                                                                       \
    F(SSL_connect)                                                                                 \
    F(SSL_get_error)                                                                               \
    F(SSL_read)                                                                                    \
    F(SSL_write)                                                                                   \
    F(TLS_client_method)

#define GNUTLS_FUNCTIONS(F)                                                                        \
    F(gnutls_certificate_allocate_credentials)                                                     \
    F(gnutls_certificate_set_x509_trust_file)                                                      \
    F(gnutls_certificate_free_credentials)                                                         \
    F(gnutls_init)                                                                                 \
    F(gnutls_deinit)                                                                               \
    F(gnutls_priority_init)                                                                        \
    F(gnutls_priority_deinit)                                                                      \
    F(gnutls_priority_set)                                                                         \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_set_verify_cert)                                                              \
    F(gnutls_credentials_set)                                                                      \
    F(gnutls_transport_set_int2)                                                                   \
    F(gnutls_handshake)                                                                            \
    F(gnutls_handshake_set_hook_function)                                                          \
    F(gnutls_record_send)                                                                          \
    F(gnutls_record_recv)                                                                          \
    F(gnutls_strerror)

struct copy {
    void *handle; /* NULL: the library that the program is linked with */
#define FIELD(name) __typeof__(&name) name;
    OPENSSL_FUNCTIONS(FIELD)
    GNUTLS_FUNCTIONS(FIELD)
#undef FIELD
};

/* One connection: what a copy made for it. */
struct talk {
    const struct copy *copy;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
};

/* Where the code is that has made the current step. */
static const void *worker;

static void note_openssl(const SSL *ssl, int where, int value)
{
    (void)ssl, (void)where, (void)value;
    worker = __builtin_return_address(0);
}

static int note_gnutls(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message)
{
    (void)session, (void)type, (void)when, (void)incoming, (void)message;
    worker = __builtin_return_address(0);
    return 0;
}

static const void *base_of(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

static bool by_gnutls(void)
{
    return getenv("GNUTLS") != NULL;
}

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);
    if (function == NULL) {
        fail("%s", dlerror());
    }
    return function;
}

static void find_functions(struct copy *copy)
{
#define FIND(name) copy->name = (__typeof__(&name))find(copy->handle, #name);
    if (by_gnutls()) {
        GNUTLS_FUNCTIONS(FIND)
    } else {
        OPENSSL_FUNCTIONS(FIND)
    }
#undef FIND
}

static void use_linked(struct copy *copy)
{
#define TAKE(name) copy->name = name;
    OPENSSL_FUNCTIONS(TAKE)
    GNUTLS_FUNCTIONS(TAKE)
#undef TAKE
}

static size_t paths(char *out[COPIES_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    char *all = strdup(getenv("COPIES") != NULL ? getenv("COPIES") : "");
    for (char *path = strtok_r(all, ":", &rest); path != NULL; path = strtok_r(NULL, ":", &rest)) {
        out[count++] = path;
    }
    if (count == 0) {
        fail("COPIES is empty");
    }
    return count;
}

static void open_copy(struct copy *copy, const char *path)
{
    memset(copy, 0, sizeof *copy);
    copy->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (copy->handle == NULL) {
        fail("%s", dlerror());
    }
    find_functions(copy);
}

/* ---- one connection, step by step ---- */

static void begin_openssl(struct talk *talk, const struct target *target)
{
    const struct copy *copy = talk->copy;
    talk->context = copy->SSL_CTX_new(copy->TLS_client_method());
    copy->SSL_CTX_load_verify_locations(talk->context, target->ca, NULL);
    copy->SSL_CTX_set_verify(talk->context, SSL_VERIFY_PEER, NULL);
    talk->ssl = copy->SSL_new(talk->context);
    copy->SSL_ctrl(talk->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   (void *)(size_t)target->host);
    copy->SSL_set1_host(talk->ssl, target->host);
    copy->SSL_set_fd(talk->ssl, talk->fd);
    copy->SSL_set_info_callback(talk->ssl, note_openssl);
}

static void begin_gnutls(struct talk *talk, const struct target *target)
{
    const struct copy *copy = talk->copy;
    if (copy->gnutls_certificate_allocate_credentials(&talk->credentials) < 0 ||
        copy->gnutls_certificate_set_x509_trust_file(talk->credentials, target->ca,
                                                     GNUTLS_X509_FMT_PEM) < 0 ||
        copy->gnutls_init(&talk->session, GNUTLS_CLIENT) < 0 ||
        copy->gnutls_priority_init(&talk->priorities, "NORMAL:-VERS-TLS1.1", NULL) < 0 ||
        copy->gnutls_priority_set(talk->session, talk->priorities) < 0 ||
        copy->gnutls_server_name_set(talk->session, GNUTLS_NAME_DNS, target->host,
                                     strlen(target->host)) < 0) {
        fail("the session cannot be made");
    }
    copy->gnutls_session_set_verify_cert(talk->session, target->host, 0);
    copy->gnutls_credentials_set(talk->session, GNUTLS_CRD_CERTIFICATE, talk->credentials);
    copy->gnutls_transport_set_int2(talk->session, talk->fd, talk->fd);
    copy->gnutls_handshake_set_hook_function(talk->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_POST,
                                             note_gnutls);
}

static void begin(struct talk *talk, const struct copy *copy, const struct target *target)
{
    memset(talk, 0, sizeof *talk);
    talk->copy = copy;
    talk->fd = dial(target);
    (by_gnutls() ? begin_gnutls : begin_openssl)(talk, target);
}

static void shake_hands(const struct talk *talk)
{
    const struct copy *copy = talk->copy;
    const void *function = (const void *)copy->SSL_free;
    worker = NULL;
    if (by_gnutls()) {
        function = (const void *)copy->gnutls_strerror;
        int result = copy->gnutls_handshake(talk->session);
        if (result < 0) {
            fail("gnutls_handshake: %s", copy->gnutls_strerror(result));
        }
    } else {
        int result = copy->SSL_connect(talk->ssl);
        if (result != 1) {
            fail("SSL_connect: error %d", copy->SSL_get_error(talk->ssl, result));
        }
    }
    /* Of two copies the one has to work that was called. */
    if (base_of(worker) != base_of(function)) {
        fail("another library made the handshake");
    }
}

static void exchange(const struct talk *talk, const struct target *target)
{
    const struct copy *copy = talk->copy;
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    ssize_t got;
    size_t length = make_request(target, request, sizeof request);
    if (by_gnutls()) {
        got = copy->gnutls_record_send(talk->session, request, length);
    } else {
        got = copy->SSL_write(talk->ssl, request, (int)length);
    }
    if (got != (ssize_t)length) {
        fail("the request cannot be sent");
    }
    do {
        got = by_gnutls() ? copy->gnutls_record_recv(talk->session, chunk, sizeof chunk)
                          : copy->SSL_read(talk->ssl, chunk, sizeof chunk);
        response_add(&response, chunk, got > 0 ? (size_t)got : 0);
    } while (got > 0 || (by_gnutls() && got == GNUTLS_E_AGAIN)); /* a ticket looks like "again" */
    response_check(&response, target);
}

static void end(struct talk *talk)
{
    const struct copy *copy = talk->copy;
    if (by_gnutls()) {
        copy->gnutls_deinit(talk->session);
        copy->gnutls_priority_deinit(talk->priorities);
        copy->gnutls_certificate_free_credentials(talk->credentials);
    } else {
        copy->SSL_free(talk->ssl);
        copy->SSL_CTX_free(talk->context);
    }
    close(talk->fd);
}

static void fetch(const struct copy *copy, const struct target *target)
{
    struct talk talk;
    begin(&talk, copy, target);
    shake_hands(&talk);
    exchange(&talk, target);
    end(&talk);
}

/* Each step with all copies, before the next step. */
static void fetch_interleaved(const struct copy *copies, size_t count, const struct target *target)
{
    struct talk talks[COPIES_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        begin(&talks[i], &copies[i], target);
    }
    for (size_t i = 0; i < count; i++) {
        shake_hands(&talks[count - 1 - i]);
    }
    for (size_t i = 0; i < count; i++) {
        exchange(&talks[i], target);
    }
    for (size_t i = 0; i < count; i++) {
        end(&talks[i]);
    }
}

/* ---- the modes ---- */

/* Every copy in its turn, opened once. */
static void in_turn(const struct target *target)
{
    char *path[COPIES_MAX];
    size_t count = paths(path);
    for (size_t i = 0; i < count; i++) {
        struct copy copy;
        open_copy(&copy, path[i]);
        fetch(&copy, target);
    }
}

/* All at the same time. */
static void together(const struct target *target)
{
    char *path[COPIES_MAX];
    struct copy copies[COPIES_MAX];
    size_t count = paths(path);
    for (size_t i = 0; i < count; i++) {
        open_copy(&copies[i], path[i]);
    }
    fetch_interleaved(copies, count, target);
}

/* The program's own library, the copies, and the program's own again; then all at the same time. */
static void with_linked(const struct target *target)
{
    char *path[COPIES_MAX];
    struct copy copies[COPIES_MAX + 1];
    size_t count = paths(path);
    use_linked(&copies[0]);
    fetch(&copies[0], target);
    for (size_t i = 0; i < count; i++) {
        open_copy(&copies[i + 1], path[i]);
        fetch(&copies[i + 1], target);
    }
    fetch(&copies[0], target);
    fetch_interleaved(copies, count + 1, target);
}

/* The copies first, before the program's own library made anything. */
static void before_linked(const struct target *target)
{
    char *path[COPIES_MAX];
    struct copy copies[COPIES_MAX + 1];
    size_t count = paths(path);
    for (size_t i = 0; i < count; i++) {
        open_copy(&copies[i + 1], path[i]);
        fetch(&copies[i + 1], target);
    }
    use_linked(&copies[0]);
    fetch(&copies[0], target);
    fetch_interleaved(copies, count + 1, target);
}

/* Opened and closed many times, in changing order. */
static void reopened(const struct target *target)
{
    char *path[COPIES_MAX];
    size_t count = paths(path);
    for (size_t i = 0; i < REOPENED; i++) {
        struct copy copy;
        open_copy(&copy, path[i % count]);
        fetch(&copy, target);
        if (dlclose(copy.handle) != 0) {
            fail("%s", dlerror());
        }
    }
}

/* A thread has one table of values for all namespaces: their keys must be other ones. */
static void keys_are_apart(const struct copy *copy)
{
    enum { KEYS = 20 };
    static pthread_key_t highest;
    __typeof__(&pthread_key_create) create =
        (__typeof__(&pthread_key_create))dlsym(copy->handle, "pthread_key_create");
    pthread_key_t theirs;
    for (int i = 0; highest == 0 && i < KEYS; i++) {
        pthread_key_t key;
        if (pthread_key_create(&key, NULL) != 0) {
            fail("no key");
        }
        highest = key;
    }
    if (create == NULL || create(&theirs, NULL) != 0 || theirs <= highest) {
        fail("a key of the namespace is a key of the program");
    }
    highest = theirs;
}

/* In a namespace of its own. */
static void in_namespace(const struct target *target)
{
    char *path[COPIES_MAX];
    size_t count = paths(path);
    for (size_t i = 0; i < count; i++) {
        struct copy copy = {.handle = dlmopen(LM_ID_NEWLM, path[i], RTLD_NOW)};
        if (copy.handle == NULL) {
            fail("%s", dlerror());
        }
        keys_are_apart(&copy);
        find_functions(&copy);
        fetch(&copy, target);
    }
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"in_turn", in_turn},
                                        {"together", together},
                                        {"with_linked", with_linked},
                                        {"before_linked", before_linked},
                                        {"reopened", reopened},
                                        {"in_namespace", in_namespace},
                                        {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
