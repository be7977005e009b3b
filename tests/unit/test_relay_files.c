/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder with the relay's files: what is in it, and who may remove it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ech/wire.h"
#include "shim/common/relay_variables.h"
#include "tools/echshim/supervisor/relay_folder.h"
#include "tools/relay/authority.h"
#include "tools/relay/key_store.h"
#include "tools/relay/trust_files.h"

static char folder[PATH_MAX];

static char *in_folder(const char *name)
{
    static char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/echshim-unit-relay-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

/* ---- who may remove it ---- */

Test(relay_files, the_noted_folder_is_removed)
{
    struct relay_folder noted;
    make_folder();
    put_file(in_folder("DENO_CERT.pem"), "x");
    cr_assert(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert_not(exists(folder));
    relay_folder_remove(&noted); /* again */
}

Test(relay_files, what_somebody_put_into_it_stays)
{
    struct relay_folder noted;
    make_folder();
    put_file(in_folder("mine"), "x");
    cr_assert(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert(exists(in_folder("mine")));
    unlink(in_folder("mine"));
    rmdir(folder);
}

/* Another folder that has its name by now, or a link to one, is not touched. */
Test(relay_files, another_folder_of_that_name_stays)
{
    struct relay_folder noted;
    char moved[PATH_MAX + 8];
    make_folder();
    snprintf(moved, sizeof moved, "%s.old", folder);
    cr_assert(relay_folder_note(&noted, folder));
    cr_assert_eq(rename(folder, moved), 0);
    cr_assert_eq(mkdir(folder, 0700), 0);
    put_file(in_folder("DENO_CERT.pem"), "x");
    relay_folder_remove(&noted);
    cr_assert(exists(in_folder("DENO_CERT.pem")));
    unlink(in_folder("DENO_CERT.pem"));
    rmdir(folder);
    cr_assert_eq(symlink(moved, folder), 0);
    relay_folder_remove(&noted);
    cr_assert(exists(moved));
    unlink(folder);
    rmdir(moved);
}

Test(relay_files, a_folder_that_others_enter_is_not_noted)
{
    struct relay_folder noted;
    make_folder();
    cr_assert_eq(chmod(folder, 0750), 0);
    cr_assert_not(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert(exists(folder));
    rmdir(folder);
    cr_assert_not(relay_folder_note(&noted, folder));
}

/* ---- no key is in it ---- */

static struct bytes read_file(const char *path)
{
    enum { MOST = 64 << 20 };
    static uint8_t *data;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    data = realloc(data, MOST);
    cr_assert_not_null(data);
    size_t length = fread(data, 1, MOST - 1, file);
    data[length] = '\0';
    fclose(file);
    return bytes_of(data, length);
}

/* Nothing but certificates between blank lines. */
static void expect_only_certificates(const char *text, const char *name)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char end[] = "-----END CERTIFICATE-----";
    unsigned count = 0;
    for (text += strspn(text, "\r\n"); *text != '\0'; text += strspn(text, "\r\n")) {
        cr_assert_eq(strncmp(text, begin, sizeof begin - 1), 0, "%s: %.40s", name, text);
        text = strstr(text, end);
        cr_assert_not_null(text, "%s", name);
        text += sizeof end - 1;
        count++;
    }
    cr_assert_gt(count, 0, "%s", name);
}

/* A key store in which each entry is a trusted certificate. */
static void expect_only_trust(struct bytes octets)
{
    enum { TRUSTED_CERTIFICATE = 2, DIGEST_SIZE = 20 };
    struct reader in = rd_of(octets);
    struct bytes skipped;
    uint32_t word;
    uint32_t count;
    uint16_t length;
    cr_assert(rd_u32(&in, &word) && rd_u32(&in, &word) && rd_u32(&in, &count));
    cr_assert_gt(count, 0);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(rd_u32(&in, &word));
        cr_assert_eq(word, TRUSTED_CERTIFICATE);
        cr_assert(rd_u16(&in, &length) && rd_bytes(&in, length, &skipped));
        cr_assert(rd_bytes(&in, 8, &skipped));
        cr_assert(rd_u16(&in, &length) && rd_bytes(&in, length, &skipped));
        cr_assert(rd_u32(&in, &word) && rd_bytes(&in, word, &skipped));
    }
    cr_assert_eq(in.len, DIGEST_SIZE);
}

static void expect_no_keys(void)
{
    for (size_t i = 0; i < SHIM_RELAY_VARIABLES; i++) {
        const struct shim_relay_variable *variable = &shim_relay_variables[i];
        struct bytes octets = read_file(in_folder(variable->file));
        if (variable->contents == SHIM_RELAY_JAVA) {
            expect_only_trust(octets);
        } else {
            expect_only_certificates((const char *)octets.data, variable->name);
        }
    }
}

static void write_files(void)
{
    struct relay_authority *authority = relay_authority_new(NULL);
    cr_assert_not_null(authority);
    cr_assert(relay_trust_files_write(relay_authority_certificate(authority), folder));
    relay_authority_free(authority);
}

static void remove_files(void)
{
    struct relay_folder noted;
    cr_assert(relay_folder_note(&noted, folder));
    relay_folder_remove(&noted);
    cr_assert_not(exists(folder));
}

Test(relay_files, no_key_is_in_them)
{
    for (size_t i = 0; i < SHIM_RELAY_VARIABLES; i++) {
        unsetenv(shim_relay_variables[i].name);
    }
    write_files();
    expect_no_keys();
    remove_files();
}

/* Some users keep a key beside their certificates. It is not copied; what is around it is. */
Test(relay_files, a_key_in_the_users_file)
{
    static const char certificate[] =
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char *const kinds[] = {"", "RSA ", "EC ", "ENCRYPTED "};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[512];
        char named[] = "/tmp/echshim-unit-relay-mine";
        snprintf(text, sizeof text,
                 "-----BEGIN %sPRIVATE KEY-----\nKEYKEY\n-----END %sPRIVATE KEY-----\n%s"
                 "-----BEGIN %sPRIVATE KEY-----\r\nKEYKEY\r\n-----END %sPRIVATE KEY-----\r\n%s"
                 "-----BEGIN %sPRIVATE KEY-----\nKEYKEY",
                 kinds[i], kinds[i], certificate, kinds[i], kinds[i], certificate, kinds[i]);
        put_file(named, text);
        setenv("REQUESTS_CA_BUNDLE", named, 1);
        write_files();
        expect_no_keys();
        const char *copy = (const char *)read_file(in_folder("REQUESTS_CA_BUNDLE.pem")).data;
        cr_assert_null(strstr(copy, "KEYKEY"));
        cr_assert_eq(strncmp(copy, certificate, sizeof certificate - 1), 0);
        cr_assert_eq(strncmp(copy + sizeof certificate - 1, certificate, sizeof certificate - 1),
                     0);
        remove_files();
        unlink(named);
    }
}

/* ---- what the user's variables named stays ---- */

static gnutls_datum_t pem_of(const gnutls_datum_t *der)
{
    gnutls_datum_t pem;
    cr_assert_eq(gnutls_pem_base64_encode2("CERTIFICATE", der, &pem), 0);
    return pem;
}

static bool contains(const char *name, const gnutls_datum_t *octets)
{
    struct bytes file = read_file(in_folder(name));
    return memmem(file.data, file.len, octets->data, octets->size) != NULL;
}

/* A folder, as OpenSSL and Python's requests take it: its hashed names count. */
Test(relay_files, a_folder_of_the_user)
{
    struct relay_authority *mine = relay_authority_new(NULL);
    struct relay_authority *other = relay_authority_new(NULL);
    gnutls_datum_t pem = pem_of(relay_authority_certificate(mine));
    gnutls_datum_t other_pem = pem_of(relay_authority_certificate(other));
    char own[] = "/tmp/echshim-unit-folder-XXXXXX";
    char file[64];
    char other_file[64];
    cr_assert_not_null(mkdtemp(own));
    snprintf(file, sizeof file, "%s/0123abcd.0", own);
    snprintf(other_file, sizeof other_file, "%s/notes.txt", own);
    put_file(file, (const char *)pem.data);
    put_file(other_file, (const char *)other_pem.data);
    setenv("REQUESTS_CA_BUNDLE", own, 1);
    write_files();
    cr_assert(contains("REQUESTS_CA_BUNDLE.pem", &pem));
    cr_assert_not(contains("REQUESTS_CA_BUNDLE.pem", &other_pem));
    expect_no_keys();
    remove_files();
    unlink(file);
    unlink(other_file);
    rmdir(own);
    unsetenv("REQUESTS_CA_BUNDLE");
    gnutls_free(pem.data);
    gnutls_free(other_pem.data);
    relay_authority_free(mine);
    relay_authority_free(other);
}

/* Java has one store. The options that the user has set name another one, with spaces in its path.
 */
Test(relay_files, a_store_of_the_user)
{
    static const char options[] = "-Xmx1g \"-Djavax.net.ssl.trustStore=/tmp/echshim unit's store\"";
    static const char path[] = "/tmp/echshim unit's store";
    struct relay_authority *mine = relay_authority_new(NULL);
    const gnutls_datum_t *der = relay_authority_certificate(mine);
    const struct bytes certificate = bytes_of(der->data, der->size);
    struct writer store;
    wr_init(&store, 1 << 20);
    relay_key_store_write(&store, &certificate, 1);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(store.data, 1, store.len, file), store.len);
    fclose(file);
    setenv("JAVA_TOOL_OPTIONS", options, 1);
    write_files();
    cr_assert(contains("java.jks", der));
    expect_no_keys();
    remove_files();
    unlink(path);
    write_files(); /* the store is gone: Java could not read it, either */
    cr_assert_not(contains("java.jks", der));
    remove_files();
    unsetenv("JAVA_TOOL_OPTIONS");
    wr_free(&store);
    relay_authority_free(mine);
}
