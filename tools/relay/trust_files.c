/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/trust_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/relay_variables.h"
#include "tools/relay/java_store.h"
#include "tools/relay/key_store.h"

enum { FILE_MAX = 64 << 20 };

/* The system's anchors as PEM and DER, and the authority. */
struct anchors {
    struct writer pem;
    struct bytes *der; /* each to be freed */
    size_t count;
    gnutls_datum_t authority_pem;
};

/* ---- the system's anchors ---- */

static bool take(struct anchors *anchors, gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem = {.data = NULL};
    gnutls_datum_t der = {.data = NULL};
    struct bytes *grown = reallocarray(anchors->der, anchors->count + 1, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    anchors->der = grown;
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) != 0 ||
        gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) != 0) {
        gnutls_free(pem.data);
        return false;
    }
    wr_bytes(&anchors->pem, bytes_of(pem.data, pem.size));
    gnutls_free(pem.data);
    anchors->der[anchors->count++] = bytes_of(der.data, der.size);
    return true;
}

/* Without a store of the system, what is left is the authority. */
static bool take_system(struct anchors *anchors)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_trust_list_iter_t at = NULL;
    gnutls_x509_crt_t crt;
    bool good = true;
    if (gnutls_x509_trust_list_init(&list, 0) != 0) {
        return false;
    }
    (void)gnutls_x509_trust_list_add_system_trust(list, 0, 0);
    while (good && gnutls_x509_trust_list_iter_get_ca(list, &at, &crt) == 0) {
        good = take(anchors, crt);
        gnutls_x509_crt_deinit(crt);
    }
    gnutls_x509_trust_list_iter_deinit(at);
    gnutls_x509_trust_list_deinit(list, 1);
    return good;
}

static bool take_authority(struct anchors *anchors, const gnutls_datum_t *der)
{
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) != 0) {
        return false;
    }
    bool good = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 && take(anchors, crt) &&
                gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &anchors->authority_pem) == 0;
    gnutls_x509_crt_deinit(crt);
    return good;
}

static void free_anchors(struct anchors *anchors)
{
    for (size_t i = 0; i < anchors->count; i++) {
        gnutls_free((void *)(uintptr_t)anchors->der[i].data);
    }
    free(anchors->der);
    gnutls_free(anchors->authority_pem.data);
    wr_free(&anchors->pem);
}

/* ---- the files ---- */

static bool write_file(int folder, const char *name, struct bytes octets)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0;
    while (good && octets.len > 0) {
        ssize_t count = write(fd, octets.data, octets.len);
        good = count > 0 || (count < 0 && errno == EINTR);
        if (count > 0) {
            octets = bytes_of(octets.data + count, octets.len - (size_t)count);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* Where the line that begins at `at` ends; its newline belongs to it. */
static const uint8_t *line_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
    return newline != NULL ? newline + 1 : end;
}

static bool in_line(const uint8_t *line, const uint8_t *end, const char *text)
{
    return memmem(line, (size_t)(end - line), text, strlen(text)) != NULL;
}

/* Takes out keys that the user keeps beside certificates: our copy must have none. */
static void drop_keys(struct writer *out)
{
    const uint8_t *end = out->data + out->len;
    uint8_t *to = out->data;
    bool in_key = false;
    for (const uint8_t *line = out->data, *next; out->len > 0 && line < end; line = next) {
        next = line_end(line, end);
        bool about_key = in_line(line, next, "PRIVATE KEY-----");
        in_key = in_key || (about_key && in_line(line, next, "-----BEGIN "));
        if (!in_key) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
        in_key = in_key && !(about_key && in_line(line, next, "-----END "));
    }
    out->len = out->len > 0 ? (size_t)(to - out->data) : 0;
}

static bool add_file(struct writer *out, int at, const char *path)
{
    uint8_t chunk[4096];
    ssize_t count = -1;
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (fd >= 0 && !out->failed && (count = read(fd, chunk, sizeof chunk)) > 0) {
        wr_bytes(out, bytes_of(chunk, (size_t)count));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    wr_u8(out, '\n');
    return count == 0 && !out->failed;
}

/* The name by which OpenSSL finds a certificate in a folder: its hash and a number. */
static bool is_hashed(const char *name)
{
    size_t hash = strspn(name, "0123456789abcdef");
    return hash == 8 && name[hash] == '.' && name[hash + 1] != '\0' &&
           name[hash + 1 + strspn(name + hash + 1, "0123456789")] == '\0';
}

/* Python's requests take a folder, too. */
static bool add_folder(struct writer *out, const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool any = false;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        any = (is_hashed(entry->d_name) && add_file(out, dirfd(folder), entry->d_name)) || any;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return any;
}

/* Adds what the user's variable names, without keys. */
static bool add_named(struct writer *out, const char *path)
{
    bool good = add_file(out, AT_FDCWD, path) || add_folder(out, path);
    drop_keys(out);
    return good && !out->failed;
}

static bool take_der(void *context, struct bytes der)
{
    const gnutls_datum_t octets = {.data = (unsigned char *)(uintptr_t)der.data,
                                   .size = (unsigned)der.len};
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) != 0) {
        return false;
    }
    /* What is no certificate of X.509 is left out. */
    bool good =
        gnutls_x509_crt_import(crt, &octets, GNUTLS_X509_FMT_DER) != 0 || take(context, crt);
    gnutls_x509_crt_deinit(crt);
    return good;
}

/* The anchors of the user's own store, or the system's; and the authority, the last one of both. */
static void write_store(struct writer *file, const char *options, const struct anchors *anchors)
{
    struct anchors own = {.count = 0};
    wr_init(&own.pem, FILE_MAX);
    if (relay_java_store_read(options, take_der, &own) && own.count > 0 &&
        take_der(&own, anchors->der[anchors->count - 1])) {
        relay_key_store_write(file, own.der, own.count);
    } else {
        relay_key_store_write(file, anchors->der, anchors->count);
    }
    free_anchors(&own);
}

static bool write_variable(int folder, const struct shim_relay_variable *variable,
                           const struct anchors *anchors)
{
    const struct bytes authority =
        bytes_of(anchors->authority_pem.data, anchors->authority_pem.size);
    const char *named = getenv(variable->name);
    struct writer file;
    wr_init(&file, FILE_MAX);
    if (variable->contents == SHIM_RELAY_JAVA) {
        write_store(&file, named, anchors);
    } else if (named != NULL && *named != '\0' && add_named(&file, named)) {
        wr_bytes(&file, authority);
    } else {
        /* The program could not have read that file either. */
        file.len = 0;
        wr_bytes(&file, variable->contents == SHIM_RELAY_ANCHORS
                            ? bytes_of(anchors->pem.data, anchors->pem.len)
                            : authority);
    }
    bool good = !file.failed && write_file(folder, variable->file, bytes_of(file.data, file.len));
    wr_free(&file);
    return good;
}

static bool make_folder(char folder[PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] != '/') {
        parent = "/tmp";
    }
    int length = snprintf(folder, PATH_MAX, "%s/echshim-relay-XXXXXX", parent);
    return length < PATH_MAX && mkdtemp(folder) != NULL;
}

bool relay_trust_files_write(const gnutls_datum_t *authority, char folder[PATH_MAX])
{
    struct anchors anchors = {.count = 0};
    wr_init(&anchors.pem, FILE_MAX);
    errno = ENOMEM;
    bool good = take_system(&anchors) && take_authority(&anchors, authority) && make_folder(folder);
    int fd = good ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    for (size_t i = 0; fd >= 0 && good && i < SHIM_RELAY_VARIABLES; i++) {
        good = write_variable(fd, &shim_relay_variables[i], &anchors);
    }
    int problem = errno;
    if (fd >= 0) {
        (void)close(fd);
    } else {
        good = false;
    }
    free_anchors(&anchors);
    errno = problem;
    return good;
}
