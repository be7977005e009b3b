/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that get their TLS libraries by the loader's calls, in ways that a preloaded library
 * could disturb. Links no TLS library. */
#include "client.h"

#include <dlfcn.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../facts.h"

#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST_VERSION "GLIBC_2.17"
#else
#define FIRST_VERSION "GLIBC_2.0"
#endif

enum { ROUNDS = 5 };

#define PLUGIN "libopenssl_plugin.so"

static void *must_open(const char *file, int flags)
{
    void *handle = dlopen(file, flags);
    if (handle == NULL) {
        fail("%s", dlerror());
    }
    return handle;
}

static void fetch_by_plugin(const struct target *target, int flags)
{
    /* By the program's RUNPATH: the loader looks at dlopen's caller. */
    void *handle = must_open(PLUGIN, RTLD_NOW | flags);
    int (*fetch)(const struct target *) =
        (int (*)(const struct target *))dlsym(handle, "plugin_fetch");
    if (fetch == NULL || fetch(target) != 0) {
        fail("no plugin_fetch");
    }
    dlclose(handle);
}

static void run_plugin(const struct target *target)
{
    fetch_by_plugin(target, RTLD_LOCAL);
}

static void run_deepbind(const struct target *target)
{
    fetch_by_plugin(target, RTLD_LOCAL | RTLD_DEEPBIND);
}

static void run_reopen(const struct target *target)
{
    for (int i = 0; i < ROUNDS; i++) {
        fetch_by_plugin(target, RTLD_LOCAL);
    }
}

static void *repeat_plugin(void *argument)
{
    run_reopen(argument);
    return NULL;
}

static void run_threads(const struct target *target)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, repeat_plugin, (void *)(size_t)target) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* ---- what dlsym returns ---- */

static void must_be_silent(const char *what)
{
    const char *error = dlerror();
    if (error != NULL) {
        fail("%s was found, and dlerror says: %s", what, error);
    }
}

/* As dlsym(3) says to call it. */
static void run_dlerror(const struct target *target)
{
    static const char *const names[] = {"SSL_CTX_new", "SSL_connect", "SSL_read"};
    void *handle = must_open(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)dlerror();
        if (dlsym(handle, names[i]) == NULL) {
            fail("no %s", names[i]);
        }
        must_be_silent(names[i]);
    }
    if (dlsym(handle, "SSL_set_quic_method") != NULL || dlerror() == NULL) {
        fail("a function that libssl does not have was found in it");
    }
    run_plugin(target);
}

/* A look-up of something optional must not hide what is loaded later. */
static void run_probe(const struct target *target)
{
    static const char *const names[] = {"SSL_CTX_new", "SSL_connect", "gnutls_init", "connect"};
    void *program = must_open(NULL, RTLD_NOW);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)dlsym(program, names[i]);
        (void)dlsym(RTLD_DEFAULT, names[i]);
        (void)dlsym(RTLD_NEXT, names[i]);
    }
    if (dlsym(RTLD_DEFAULT, "connect") != dlsym(program, "connect") ||
        dlsym(RTLD_DEFAULT, "no_such_function") != NULL ||
        dlsym(RTLD_NEXT, "malloc") != dlsym(RTLD_DEFAULT, "malloc")) {
        fail("dlsym gives other answers");
    }
    run_plugin(target);
}

/* ---- two libraries of one family ---- */

struct tls {
    void *handle;
    const struct target *target;
    unsigned rounds;
};

#define FIND_IN(handle, name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(handle, #name)
#define FIND(name) FIND_IN(tls->handle, name)

/* Everything by dlsym on the handle. Certificates are not checked: BoringSSL has other ones. */
static void fetch_by_handle(const struct tls *tls)
{
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_free);
    FIND(SSL_new);
    FIND(SSL_free);
    FIND(SSL_ctrl);
    FIND(SSL_set_fd);
    FIND(SSL_connect);
    FIND(SSL_read);
    FIND(SSL_write);
    const SSL_METHOD *(*method)(void) =
        (const SSL_METHOD *(*)(void))dlsym(tls->handle, "TLS_method");
    int (*set_name)(SSL *, const char *) =
        (int (*)(SSL *, const char *))dlsym(tls->handle, "SSL_set_tlsext_host_name");
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    SSL_CTX *ctx = p_SSL_CTX_new(method());
    if (ctx == NULL) {
        fail("SSL_CTX_new failed");
    }
    int fd = dial(tls->target);
    SSL *ssl = p_SSL_new(ctx);
    if (set_name != NULL) {
        set_name(ssl, tls->target->host);
    } else {
        p_SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   (void *)(size_t)tls->target->host);
    }
    p_SSL_set_fd(ssl, fd);
    int len = (int)make_request(tls->target, request, sizeof request);
    if (p_SSL_connect(ssl) != 1 || p_SSL_write(ssl, request, len) != len) {
        fail("SSL_connect or SSL_write failed");
    }
    while ((got = p_SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, tls->target);
    p_SSL_free(ssl);
    p_SSL_CTX_free(ctx);
    close(fd);
}

static void *fetch_often(void *argument)
{
    const struct tls *tls = argument;
    for (unsigned i = 0; i < tls->rounds; i++) {
        fetch_by_handle(tls);
    }
    return NULL;
}

/* $SECOND names the other library; first one after the other, then both at once. */
static void run_two(const struct target *target)
{
    struct tls both[2] = {{.target = target, .rounds = 10}, {.target = target, .rounds = 10}};
    pthread_t threads[2];
    both[0].handle = must_open(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    both[1].handle = must_open(getenv("SECOND"), RTLD_NOW | RTLD_LOCAL);
    if (dlsym(both[0].handle, "SSL_CTX_free") == dlsym(both[1].handle, "SSL_CTX_free") ||
        dlsym(both[0].handle, "CRYPTO_free") == dlsym(both[1].handle, "CRYPTO_free")) {
        fail("the two libraries are one");
    }
    fetch_by_handle(&both[0]);
    fetch_by_handle(&both[1]);
    fetch_by_handle(&both[0]);
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, fetch_often, &both[i]) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* The libraries $SECOND/libssl-1.so to libssl-20.so, all open at once; the first again at the end.
 */
static void run_many(const struct target *target)
{
    enum { LIBRARIES = 20 };
    struct tls all[LIBRARIES];
    for (int i = 0; i < LIBRARIES; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/libssl-%d.so", getenv("SECOND"), i + 1);
        all[i] = (struct tls){.target = target, .handle = must_open(path, RTLD_NOW | RTLD_LOCAL)};
        if (i > 0 && dlsym(all[i].handle, "SSL_free") == dlsym(all[i - 1].handle, "SSL_free")) {
            fail("two of the libraries are one");
        }
    }
    for (int i = 0; i <= LIBRARIES; i++) {
        fetch_by_handle(&all[i % LIBRARIES]);
    }
}

/* Only the library that $SECOND names. */
static void run_other(const struct target *target)
{
    struct tls other = {.target = target};
    other.handle = must_open(getenv("SECOND"), RTLD_NOW | RTLD_LOCAL);
    fetch_by_handle(&other);
}

/* ---- namespaces of dlmopen ---- */

static void *must_open_apart(const char *file)
{
    void *handle = dlmopen(LM_ID_NEWLM, file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fail("%s", dlerror());
    }
    return handle;
}

/* The library that $SECOND names; the program itself calls it. */
static void run_apart(const struct target *target)
{
    struct tls other = {.target = target};
    other.handle = must_open_apart(getenv("SECOND"));
    fetch_by_handle(&other);
}

/* A library that carries TLS. */
static void run_plugin_apart(const struct target *target)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" PLUGIN, getenv("CLIENTS"));
    void *handle = must_open_apart(path);
    int (*fetch)(const struct target *) =
        (int (*)(const struct target *))dlsym(handle, "plugin_fetch");
    if (fetch == NULL || fetch(target) != 0) {
        fail("no plugin_fetch");
    }
}

/* The namespace's own dlopen loads TLS into it later. */
static void run_later_apart(const struct target *target)
{
    struct tls other = {.target = target};
    /* Before glibc 2.34 this has dlopen, and since then it needs libc, which has it. */
    void *libdl = must_open_apart("libdl.so.2");
    void *(*their_dlopen)(const char *, int) = (void *(*)(const char *, int))dlsym(libdl, "dlopen");
    other.handle = their_dlopen != NULL ? their_dlopen(FACT_LIBSSL, RTLD_NOW) : NULL;
    if (other.handle == NULL) {
        fail("no libssl there");
    }
    fetch_by_handle(&other);
}

/* libcurl, as $SECOND names it, with OpenSSL or GnuTLS. */
static void run_curl_apart(const struct target *target)
{
    enum { CURLOPT_URL = 10002, CURLOPT_CAINFO = 10065 };
    char url[300];
    void *library = must_open_apart(getenv("SECOND"));
    void *(*init)(void) = (void *(*)(void))dlsym(library, "curl_easy_init");
    int (*setopt)(void *, int, ...) = (int (*)(void *, int, ...))dlsym(library, "curl_easy_setopt");
    int (*perform)(void *) = (int (*)(void *))dlsym(library, "curl_easy_perform");
    void (*cleanup)(void *) = (void (*)(void *))dlsym(library, "curl_easy_cleanup");
    snprintf(url, sizeof url, "https://%s/", target->host);
    void *curl = init();
    setopt(curl, CURLOPT_URL, url);
    setopt(curl, CURLOPT_CAINFO, target->ca);
    int error = perform(curl);
    if (error != 0) {
        fail("curl: %d", error);
    }
    cleanup(curl); /* which flushes its output through the stdio of its own libc */
}

/* The plug-in's threads are those of the namespace's own libc. */
static void run_threads_apart(const struct target *target)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" PLUGIN, getenv("CLIENTS"));
    void *handle = must_open_apart(path);
    int (*resolve)(const struct target *) =
        (int (*)(const struct target *))dlsym(handle, "plugin_resolve_in_threads");
    if (resolve == NULL || resolve(target) != 0) {
        fail("no plugin_resolve_in_threads, or no address");
    }
    printf("all is well\n");
}

/* Libraries without TLS can be loaded and unloaded as ever. */
static void run_harmless_apart(const struct target *target)
{
    (void)target;
    for (int i = 0; i < 3; i++) {
        void *handle = must_open_apart("libz.so.1");
        if (dlsym(handle, "zlibVersion") == NULL) {
            fail("no zlibVersion");
        }
        dlclose(handle);
    }
    if (dlmopen(LM_ID_BASE, "libz.so.1", RTLD_NOW) == NULL || dlmopen(LM_ID_NEWLM, "no such", 1)) {
        fail("dlmopen gives other answers");
    }
    printf("all is well\n");
}

/* ---- another root ---- */

/* The program first uses TLS in the root that $SECOND names. */
static void run_root(const struct target *target)
{
    struct tls other = {.target = target};
    int fd = dial(target);
    other.handle = must_open(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    if (chroot(getenv("SECOND")) != 0 || chdir("/") != 0) {
        fail("no other root");
    }
    FIND_IN(other.handle, SSL_CTX_new);
    const SSL_METHOD *(*method)(void) =
        (const SSL_METHOD *(*)(void))dlsym(other.handle, "TLS_method");
    printf("%s\n", p_SSL_CTX_new(method()) != NULL ? "a context" : "no context");
    close(fd);
}

/* The engine comes with the first look-up, and what it opens later must be its own too. */
static void run_root_after_engine(const struct target *target)
{
    struct addrinfo *found = NULL;
    void *library = must_open(FACT_LIBSSL, RTLD_NOW | RTLD_LOCAL);
    (void)getaddrinfo("192.0.2.1", "443", NULL, &found); /* no question */
    if (chroot(getenv("SECOND")) != 0 || chdir("/") != 0) {
        fail("no other root");
    }
    (void)getaddrinfo(target->host, "443", NULL, &found);
    printf("%s\n", library != NULL ? "asked" : "not asked");
}

/* ---- a program of many names ---- */

/* By libc's functions as the standard handles give them: each writes a hello that the guard must
 * stop in strict mode. */
static void run_raw(const struct target *target)
{
    static const unsigned char hello[] = {22, 3, 1, 0, 60, 1,  0,  0,  56, 3,  3,  1,  2,  3,  4,
                                          5,  6, 7, 8, 9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    static const char *const ways[] = {"handle", "version",         "next",
                                       "main",   "default version", "next version"};
    unsigned char octets[65] = {0};
    memcpy(octets, hello, sizeof hello);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        void *libc = must_open("libc.so.6", RTLD_NOW);
        void *found[] = {dlsym(libc, "send"),
                         dlvsym(libc, "send", FIRST_VERSION),
                         dlsym(RTLD_NEXT, "send"),
                         dlsym(must_open(NULL, RTLD_NOW), "send"),
                         dlvsym(RTLD_DEFAULT, "send", FIRST_VERSION),
                         dlvsym(RTLD_NEXT, "send", FIRST_VERSION)};
        __typeof__(&send) by = (__typeof__(&send))found[i];
        int fd = dial(target);
        if (by == NULL || by(fd, octets, sizeof octets, MSG_NOSIGNAL) >= 0) {
            fail("%s: a hello went out", ways[i]);
        }
        close(fd);
    }
    printf("all is well\n");
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"plugin", run_plugin},
        {"deepbind", run_deepbind},
        {"reopen", run_reopen},
        {"threads", run_threads},
        {"dlerror", run_dlerror},
        {"probe", run_probe},
        {"two", run_two},
        {"many", run_many},
        {"other", run_other},
        {"apart", run_apart},
        {"plugin_apart", run_plugin_apart},
        {"later_apart", run_later_apart},
        {"curl_apart", run_curl_apart},
        {"threads_apart", run_threads_apart},
        {"harmless_apart", run_harmless_apart},
        {"root", run_root},
        {"root_after_engine", run_root_after_engine},
        {"raw", run_raw},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
