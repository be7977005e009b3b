/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/java_store.h"

#include <ctype.h>
#include <fcntl.h>
#include <gnutls/pkcs12.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tools/relay/key_store.h"

enum { STORE_MAX = 64 << 20, PASSWORD_SIZE = 256, WORD_SIZE = PATH_MAX + 64 };

/* ---- options ---- */

/* Reads one word, without its quotes; its length, also of what did not fit. */
static size_t read_word(const char **at, char *out, size_t size)
{
    size_t length = 0;
    char quote = '\0';
    for (; **at != '\0' && (quote != '\0' || !isspace((unsigned char)**at)); (*at)++) {
        if (quote == '\0' && (**at == '"' || **at == '\'')) {
            quote = **at;
        } else if (**at == quote) {
            quote = '\0';
        } else {
            if (length + 1 < size) {
                out[length] = **at;
            }
            length++;
        }
    }
    out[length < size ? length : size - 1] = '\0';
    return length;
}

bool relay_java_property(const char *options, const char *name, char *out, size_t size)
{
    char word[WORD_SIZE] = "";
    size_t name_length = strlen(name);
    bool found = false;
    while (options != NULL && *options != '\0') {
        if (isspace((unsigned char)*options)) {
            options++;
            continue;
        }
        size_t length = read_word(&options, word, sizeof word);
        if (strncmp(word, "-D", 2) == 0 && strncmp(word + 2, name, name_length) == 0 &&
            word[2 + name_length] == '=') {
            const char *value = word + 2 + name_length + 1;
            found = length < sizeof word && strlen(value) < size;
            if (found) {
                memcpy(out, value, strlen(value) + 1);
            }
        }
    }
    return found;
}

/* ---- stores ---- */

static bool take_bag(gnutls_pkcs12_bag_t bag, const char *password,
                     bool (*take)(void *context, struct bytes der), void *context)
{
    bool good = true;
    if (gnutls_pkcs12_bag_get_type(bag, 0) == GNUTLS_BAG_ENCRYPTED &&
        (password == NULL || gnutls_pkcs12_bag_decrypt(bag, password) != 0)) {
        return true; /* Java does not see what is in it */
    }
    for (int i = 0, count = gnutls_pkcs12_bag_get_count(bag); good && i < count; i++) {
        gnutls_datum_t der;
        if (gnutls_pkcs12_bag_get_type(bag, (unsigned)i) == GNUTLS_BAG_CERTIFICATE &&
            gnutls_pkcs12_bag_get_data(bag, (unsigned)i, &der) == 0) {
            good = take(context, bytes_of(der.data, der.size));
        }
    }
    return good;
}

static bool read_pkcs12(struct bytes octets, const char *password,
                        bool (*take)(void *context, struct bytes der), void *context)
{
    const gnutls_datum_t store = {.data = (unsigned char *)(uintptr_t)octets.data,
                                  .size = (unsigned)octets.len};
    gnutls_pkcs12_t pkcs12;
    if (gnutls_pkcs12_init(&pkcs12) != 0) {
        return false;
    }
    bool good = gnutls_pkcs12_import(pkcs12, &store, GNUTLS_X509_FMT_DER, 0) == 0;
    for (int i = 0; good; i++) {
        gnutls_pkcs12_bag_t bag;
        if (gnutls_pkcs12_bag_init(&bag) != 0) {
            good = false;
            break;
        }
        int result = gnutls_pkcs12_get_bag(pkcs12, i, bag);
        good = result != 0 || take_bag(bag, password, take, context);
        gnutls_pkcs12_bag_deinit(bag);
        if (result != 0) {
            break;
        }
    }
    gnutls_pkcs12_deinit(pkcs12);
    return good;
}

static bool read_file(const char *path, struct writer *out)
{
    uint8_t chunk[4096];
    ssize_t count = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (fd >= 0 && !out->failed && (count = read(fd, chunk, sizeof chunk)) > 0) {
        wr_bytes(out, bytes_of(chunk, (size_t)count));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return count == 0 && !out->failed;
}

bool relay_java_store_read(const char *options, bool (*take)(void *context, struct bytes der),
                           void *context)
{
    char path[PATH_MAX];
    char password[PASSWORD_SIZE];
    struct writer file;
    if (!relay_java_property(options, "javax.net.ssl.trustStore", path, sizeof path)) {
        return false;
    }
    bool known =
        relay_java_property(options, "javax.net.ssl.trustStorePassword", password, sizeof password);
    wr_init(&file, STORE_MAX);
    bool good = read_file(path, &file);
    const struct bytes octets = bytes_of(file.data, file.len);
    /* Java looks at the octets too, whatever the type says (keystore.type.compat). */
    good = good && (relay_key_store_is(octets)
                        ? relay_key_store_read(octets, take, context)
                        : read_pkcs12(octets, known ? password : NULL, take, context));
    wr_free(&file);
    explicit_bzero(password, sizeof password);
    return good;
}
