/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a priority string means for a hello: the priorities of ClientHelloInner, those of a hello
 * with GREASE, and what the program's ordinary hello lists. All that is made once for each string,
 * since GnuTLS takes long to read one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/engine/base/lock.h"
#include "shim/engine/gnutls/gnutls.h"

/* What the strings of compatibility mode do to a hello, without its padding. */
#define COMPATIBLE "%NO_ETM:%NO_SESSION_HASH"

enum { KEPT = 32, SUITES = GNUTLS_SUITES_SIZE / 2, VERSIONS = 4, OLDEST = GNUTLS_TLS1_0 };

struct suite {
    unsigned char id[2];
    unsigned char credentials; /* gnutls_credentials_type_t, or ANY */
};
enum { ANY = 0xff }; /* TLS 1.3 */

struct suite_list {
    struct suite suites[SUITES];
    size_t count; /* 0: not known */
};

struct gnutls_lists {
    atomic_uint references;
    const struct gnutls *gnutls;
    char *priorities; /* NULL: the default */
    unsigned flags;
    bool compatible; /* noted beside the string */
    bool restore;    /* compatibility mode, by the string or beside it */
    gnutls_priority_t in_order;
    gnutls_priority_t tls13_only;
    struct suite_list ordinary;
    struct suite_list inner; /* with TLS 1.3 alone */
    uint16_t record_version; /* 0: the same with TLS 1.3 alone */
    unsigned char versions[2 * VERSIONS];
    size_t versions_length;
};

static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct gnutls_lists *kept[KEPT];
static unsigned next_place;

void gnutls_lists_before_fork(void)
{
    pthread_mutex_lock(&kept_lock);
}

void gnutls_lists_after_fork(void)
{
    pthread_mutex_unlock(&kept_lock);
}

void gnutls_lists_release(struct gnutls_lists *lists)
{
    if (lists == NULL || atomic_fetch_sub(&lists->references, 1) != 1) {
        return;
    }
    if (lists->in_order != NULL) {
        lists->gnutls->gnutls_priority_deinit(lists->in_order);
    }
    if (lists->tls13_only != NULL) {
        lists->gnutls->gnutls_priority_deinit(lists->tls13_only);
    }
    free(lists->priorities);
    free(lists);
}

/* ---- strings ---- */

static bool is_word(const char *word, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strncasecmp(word, wanted, length) == 0;
}

/*
 * Copies a string's words with a colon behind each, except for those that pad a hello of 256 to 511
 * octets (RFC 7685). ClientHelloInner would be sealed with up to 180 octets of zeros, and a padded
 * hello with GREASE would show that it has none. `to` has room for two octets more than `from`.
 * True if the words ask for compatibility mode.
 */
static bool copy_words(const char *from, char *to)
{
    bool compatible = false;
    for (const char *word = from; *word != '\0'; word += *word == ':') {
        size_t length = strcspn(word, ":");
        if (is_word(word, length, "%COMPAT")) {
            compatible = true;
        } else if (!is_word(word, length, "%DUMBFW")) {
            to = mempcpy(to, word, length);
            *to++ = ':';
        }
        word += length;
    }
    *to = '\0';
    return compatible;
}

/* The application's string with something appended. GnuTLS itself appends to its default. */
static gnutls_priority_t narrowed(struct gnutls_lists *lists, const char *appended)
{
    const char *own = lists->priorities != NULL ? lists->priorities : "";
    unsigned flags = lists->flags;
    gnutls_priority_t priorities = NULL;
    size_t size = strlen(own) + sizeof ":" COMPATIBLE ":" + strlen(appended);
    char *text = malloc(size);
    if (text == NULL) {
        return NULL;
    }
    lists->restore = copy_words(own, text) || lists->compatible;
    if (*text == '\0') {
        flags |= GNUTLS_PRIORITY_INIT_DEF_APPEND;
    }
    size_t length = strlen(text);
    length += (size_t)snprintf(text + length, size - length, "%s%s",
                               lists->restore ? COMPATIBLE ":" : "", appended);
    if (length > 0 && text[length - 1] == ':') {
        text[length - 1] = '\0';
    }
    if (lists->gnutls->gnutls_priority_init2(&priorities, *text != '\0' ? text : NULL, NULL,
                                             *text != '\0' ? flags : 0) != GNUTLS_E_SUCCESS) {
        priorities = NULL;
    }
    free(text);
    return priorities;
}

/* Extensions in a fixed order leave more of them side by side, which can then be compressed.
 * Versions that shuffle know this word; older ones do neither. */
static gnutls_priority_t in_order(struct gnutls_lists *lists, const char *appended,
                                  const char *appended_in_order)
{
    gnutls_priority_t priorities = narrowed(lists, appended_in_order);
    return priorities != NULL ? priorities : narrowed(lists, appended);
}

/* ---- what they list ---- */

static unsigned char credentials_of(gnutls_kx_algorithm_t key_exchange)
{
    switch (key_exchange) {
    case GNUTLS_KX_UNKNOWN:
        return ANY;
    case GNUTLS_KX_ANON_DH:
    case GNUTLS_KX_ANON_ECDH:
        return GNUTLS_CRD_ANON;
    case GNUTLS_KX_SRP:
    case GNUTLS_KX_SRP_DSS:
    case GNUTLS_KX_SRP_RSA:
        return GNUTLS_CRD_SRP;
    case GNUTLS_KX_PSK:
    case GNUTLS_KX_DHE_PSK:
    case GNUTLS_KX_ECDHE_PSK:
    case GNUTLS_KX_RSA_PSK:
        return GNUTLS_CRD_PSK;
    default:
        return GNUTLS_CRD_CERTIFICATE;
    }
}

static void list_suites(const struct gnutls *gnutls, gnutls_priority_t priorities,
                        struct suite_list *list)
{
    unsigned position;
    for (unsigned i = 0; list->count < SUITES; i++) {
        struct suite *suite = &list->suites[list->count];
        gnutls_kx_algorithm_t key_exchange;
        int result = gnutls->gnutls_priority_get_cipher_suite_index(priorities, i, &position);
        if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            return;
        }
        if (result >= 0 && gnutls->gnutls_cipher_suite_info(position, suite->id, &key_exchange,
                                                            NULL, NULL, NULL) != NULL) {
            suite->credentials = credentials_of(key_exchange);
            list->count++;
        }
    }
    list->count = 0; /* not known, then */
}

/* A hello's records have its lowest version, unless the string says otherwise; but with TLS 1.3
 * alone they have that of TLS 1.0 (RFC 8446, 5.1). */
static uint16_t record_version_of(const struct gnutls_lists *lists)
{
    uint16_t lowest = UINT16_MAX;
    struct reader versions = rd_of(bytes_of(lists->versions, lists->versions_length));
    uint16_t version;
    while (rd_u16(&versions, &version)) {
        lowest = version < lowest ? version : lowest;
    }
    bool latest = lists->priorities != NULL &&
                  strcasestr(lists->priorities, "%LATEST_RECORD_VERSION") != NULL;
    return latest ? 0 : lowest;
}

/* Fills in the versions. Is TLS 1.3 among them? */
static bool list_versions(struct gnutls_lists *lists)
{
    const unsigned *versions;
    bool tls13 = false;
    int count = lists->gnutls->gnutls_priority_protocol_list(lists->in_order, &versions);
    for (int i = 0; i < count; i++) {
        bool known = versions[i] >= OLDEST && versions[i] <= GNUTLS_TLS1_3;
        if (known && lists->versions_length < sizeof lists->versions) {
            lists->versions[lists->versions_length++] = 3;
            lists->versions[lists->versions_length++] = (unsigned char)(1 + versions[i] - OLDEST);
        }
        tls13 = tls13 || versions[i] == GNUTLS_TLS1_3;
    }
    return tls13;
}

/* ---- one for each string ---- */

static bool is_for(const struct gnutls_lists *lists, const struct gnutls_connection *connection)
{
    const char *own = connection->priorities;
    return lists->gnutls == connection->gnutls && lists->flags == connection->priorities_flags &&
           lists->compatible == connection->compatible &&
           (own == NULL ? lists->priorities == NULL
                        : lists->priorities != NULL && strcmp(lists->priorities, own) == 0);
}

/* With a reference for the caller, or NULL. */
static struct gnutls_lists *find(const struct gnutls_connection *connection)
{
    struct shim_hold hold;
    struct gnutls_lists *found = NULL;
    shim_lock(&kept_lock, &hold);
    for (size_t i = 0; i < KEPT && kept[i] != NULL && found == NULL; i++) {
        if (is_for(kept[i], connection)) {
            found = kept[i];
            atomic_fetch_add(&found->references, 1);
        }
    }
    shim_unlock(&kept_lock, &hold);
    return found;
}

static void keep(struct gnutls_lists *lists)
{
    struct shim_hold hold;
    atomic_fetch_add(&lists->references, 1);
    shim_lock(&kept_lock, &hold);
    struct gnutls_lists *oldest = kept[next_place];
    kept[next_place] = lists;
    next_place = (next_place + 1) % KEPT;
    shim_unlock(&kept_lock, &hold);
    gnutls_lists_release(oldest);
}

static struct gnutls_lists *make(const struct gnutls_connection *connection)
{
    const char *own = connection->priorities;
    struct gnutls_lists *lists = calloc(1, sizeof *lists);
    if (lists == NULL) {
        return NULL;
    }
    atomic_init(&lists->references, 1);
    lists->gnutls = connection->gnutls;
    lists->flags = connection->priorities_flags;
    lists->compatible = connection->compatible;
    lists->priorities = own != NULL ? strdup(own) : NULL;
    if (own == NULL || lists->priorities != NULL) {
        lists->in_order = in_order(lists, "", "%NO_SHUFFLE_EXTENSIONS");
    }
    if (lists->in_order == NULL) {
        gnutls_lists_release(lists);
        return NULL;
    }
    /* A hello without extensions cannot offer TLS 1.3, which the priorities may list. */
    if (list_versions(lists) && (own == NULL || strcasestr(own, "%NO_EXTENSIONS") == NULL)) {
        list_suites(lists->gnutls, lists->in_order, &lists->ordinary);
        lists->record_version = record_version_of(lists);
        lists->tls13_only = in_order(lists, "-VERS-ALL:+VERS-TLS1.3",
                                     "-VERS-ALL:+VERS-TLS1.3:%NO_SHUFFLE_EXTENSIONS");
        if (lists->tls13_only != NULL) {
            list_suites(lists->gnutls, lists->tls13_only, &lists->inner);
        }
    }
    return lists;
}

/* Those of the connection's present priorities, borrowed from it; NULL if they are not known, or
 * for want of memory. */
static const struct gnutls_lists *lists_of(struct gnutls_connection *connection)
{
    struct gnutls_lists *former = connection->lists;
    if (connection->priorities_unknown) {
        return NULL;
    }
    if (former != NULL && is_for(former, connection)) {
        return former;
    }
    struct gnutls_lists *lists = find(connection);
    if (lists == NULL) {
        lists = make(connection);
        if (lists != NULL) {
            keep(lists);
        }
    }
    connection->lists = lists;
    gnutls_lists_release(former);
    return lists;
}

gnutls_priority_t gnutls_tls13_only(struct gnutls_connection *connection)
{
    const struct gnutls_lists *lists = lists_of(connection);
    return lists != NULL ? lists->tls13_only : NULL;
}

gnutls_priority_t gnutls_own_in_order(struct gnutls_connection *connection)
{
    const struct gnutls_lists *lists = lists_of(connection);
    return lists != NULL ? lists->in_order : NULL;
}

void gnutls_restore_compatibility(const struct gnutls_connection *connection)
{
    /* Ours had only what shows in a hello. */
    if (connection->priorities_ours && connection->lists != NULL && connection->lists->restore) {
        connection->gnutls->gnutls_session_enable_compatibility_mode(connection->handle);
    }
}

/* GnuTLS leaves out the cipher suites for which the session has no credentials. */
static bool has_credentials(const struct gnutls_connection *connection, unsigned char credentials)
{
    return credentials == ANY ||
           connection->gnutls->gnutls_credentials_get(
               connection->handle, (gnutls_credentials_type_t)credentials, NULL) == 0;
}

struct ech_ordinary_hello gnutls_ordinary_hello(struct gnutls_connection *connection,
                                                struct writer *octets)
{
    const struct gnutls_lists *lists = lists_of(connection);
    for (size_t i = 0; lists != NULL && i < lists->ordinary.count; i++) {
        const struct suite *suite = &lists->ordinary.suites[i];
        if (has_credentials(connection, suite->credentials)) {
            wr_bytes(octets, bytes_of(suite->id, sizeof suite->id));
        }
    }
    return (struct ech_ordinary_hello){
        .record_version = lists != NULL ? lists->record_version : 0,
        .cipher_suites = wr_view(octets),
        .supported_versions =
            lists != NULL ? bytes_of(lists->versions, lists->versions_length) : bytes_of(NULL, 0),
    };
}

size_t gnutls_inner_suites(struct gnutls_connection *connection,
                           const struct ech_ordinary_hello *ordinary)
{
    const struct gnutls_lists *lists = lists_of(connection);
    size_t octets = 0;
    if (connection->narrow_late) {
        return ordinary->cipher_suites.len;
    }
    for (size_t i = 0; lists != NULL && i < lists->inner.count; i++) {
        const struct suite *suite = &lists->inner.suites[i];
        octets += has_credentials(connection, suite->credentials) ? sizeof suite->id : 0;
    }
    return octets;
}

bool gnutls_may_offer_psk(struct gnutls_connection *connection)
{
    const struct gnutls_lists *lists = lists_of(connection);
    for (size_t i = 0; lists != NULL && i < lists->inner.count; i++) {
        if (lists->inner.suites[i].credentials == GNUTLS_CRD_PSK) {
            return has_credentials(connection, GNUTLS_CRD_PSK);
        }
    }
    return false;
}
