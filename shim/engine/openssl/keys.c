/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/openssl/keys.h"

#include <stdlib.h>
#include <string.h>

#include "shim/engine/state/state.h"

/* ---- the functions of libcrypto ---- */

/* OpenSSL 3.0 has other names for two functions of 1.1.1. */
static void *either(void *handle, const char *name, const char *before)
{
    const struct shim_stub *stub = shim_state()->stub;
    void *function = stub->dlsym(handle, name);
    return function != NULL ? function : stub->dlsym(handle, before);
}

/* All that 1.1.1 has. */
static bool find_common(struct openssl_keys *keys, void *handle)
{
#define F(name)                                                                                    \
    keys->name = (openssl_##name *)shim_state()->stub->dlsym(handle, #name);                       \
    if (keys->name == NULL) {                                                                      \
        return false;                                                                              \
    }
    SHIM_OPENSSL_KEY_FUNCTIONS(F)
#undef F
    return true;
}

void openssl_keys_init(struct openssl *openssl)
{
    struct openssl_keys *keys = &openssl->keys;
    void *handle = openssl->library->handle;
#define F(name) keys->name = (openssl_##name *)shim_state()->stub->dlsym(handle, #name);
    SHIM_OPENSSL_KEY_FUNCTIONS_3(F)
#undef F
    keys->get1_public_key = (openssl_get1_public_key *)either(
        handle, "EVP_PKEY_get1_encoded_public_key", "EVP_PKEY_get1_tls_encodedpoint");
    keys->set1_public_key = (openssl_set1_public_key *)either(
        handle, "EVP_PKEY_set1_encoded_public_key", "EVP_PKEY_set1_tls_encodedpoint");
    keys->usable =
        find_common(keys, handle) && keys->get1_public_key != NULL && keys->set1_public_key != NULL;
}

/* ---- one key ---- */

struct seen_key {
    struct shim_seen_key base;
    const struct openssl *openssl;
    EVP_PKEY *key;         /* a reference of ours */
    OSSL_LIB_CTX *context; /* in which it was made; NULL: the default, or OpenSSL 1.1.1 */
    char properties[];     /* for the choice of an implementation; "": none */
};

static struct seen_key *seen_key_of(const struct shim_seen_key *key)
{
    return (struct seen_key *)(uintptr_t)key;
}

/* The key works only with the implementation that made it, so what chose that is kept. */
static struct shim_seen_key *take(const void *library, const struct shim_made_key *made)
{
    const struct openssl *openssl = library;
    const struct openssl_keys *keys = &openssl->keys;
    if (made->function != (const void *)keys->EVP_PKEY_keygen) {
        return NULL; /* of another libcrypto */
    }
    const EVP_PKEY_CTX *maker = made->public_key;
    bool knows = keys->EVP_PKEY_CTX_get0_propq != NULL && keys->EVP_PKEY_CTX_get0_libctx != NULL;
    const char *properties = knows ? keys->EVP_PKEY_CTX_get0_propq(maker) : NULL;
    size_t length = properties != NULL ? strlen(properties) : 0;
    struct seen_key *seen = calloc(1, sizeof *seen + length + 1);
    if (seen == NULL) {
        return NULL;
    }
    seen->openssl = openssl;
    seen->key = (EVP_PKEY *)(uintptr_t)made->private_key;
    seen->context = knows ? keys->EVP_PKEY_CTX_get0_libctx((EVP_PKEY_CTX *)(uintptr_t)maker) : NULL;
    if (properties != NULL) {
        memcpy(seen->properties, properties, length + 1);
    }
    if (keys->EVP_PKEY_up_ref(seen->key) != 1) {
        free(seen);
        return NULL;
    }
    return &seen->base;
}

static void drop(struct shim_seen_key *key)
{
    struct seen_key *seen = seen_key_of(key);
    seen->openssl->keys.EVP_PKEY_free(seen->key);
    free(seen);
}

static bool is(const struct shim_seen_key *key, uint16_t group, struct bytes key_exchange)
{
    (void)group; /* the octets tell */
    const struct seen_key *seen = seen_key_of(key);
    const struct openssl *openssl = seen->openssl;
    unsigned char *octets = NULL;
    openssl->ERR_set_mark();
    size_t length = openssl->keys.get1_public_key(seen->key, &octets);
    bool same = octets != NULL && bytes_equal(bytes_of(octets, length), key_exchange);
    openssl->keys.CRYPTO_free(octets, __FILE__, __LINE__);
    openssl->ERR_pop_to_mark();
    return same;
}

/* ---- the shared secret ---- */

static EVP_PKEY_CTX *context_new(const struct seen_key *seen)
{
    const struct openssl_keys *keys = &seen->openssl->keys;
    const char *properties = seen->properties[0] != '\0' ? seen->properties : NULL;
    return keys->EVP_PKEY_CTX_new_from_pkey != NULL
               ? keys->EVP_PKEY_CTX_new_from_pkey(seen->context, seen->key, properties)
               : keys->EVP_PKEY_CTX_new(seen->key, NULL);
}

/* The server's public key, with the parameters of ours. NULL: it is none. */
static EVP_PKEY *peer_new(const struct seen_key *seen, struct bytes octets)
{
    const struct openssl_keys *keys = &seen->openssl->keys;
    EVP_PKEY *peer = keys->EVP_PKEY_new();
    if (peer != NULL && (keys->EVP_PKEY_copy_parameters(peer, seen->key) != 1 ||
                         keys->set1_public_key(peer, octets.data, octets.len) != 1)) {
        keys->EVP_PKEY_free(peer);
        peer = NULL;
    }
    return peer;
}

/* Writes what a function of libcrypto gives when it is called once for the length and once for the
 * octets. */
typedef int giver(const struct openssl_keys *keys, EVP_PKEY_CTX *context, unsigned char *out,
                  size_t *length, struct bytes peer);

static int derive(const struct openssl_keys *keys, EVP_PKEY_CTX *context, unsigned char *out,
                  size_t *length, struct bytes peer)
{
    (void)peer;
    return keys->EVP_PKEY_derive(context, out, length);
}

static int decapsulate(const struct openssl_keys *keys, EVP_PKEY_CTX *context, unsigned char *out,
                       size_t *length, struct bytes peer)
{
    return keys->EVP_PKEY_decapsulate(context, out, length, peer.data, peer.len);
}

static enum ech_status take_secret(const struct openssl_keys *keys, EVP_PKEY_CTX *context,
                                   giver *give, struct bytes peer, struct writer *shared_secret)
{
    unsigned char secret[1024]; /* the longest is that of ffdhe8192 */
    size_t length = 0;
    enum ech_status status = ECH_ERR_ILLEGAL;
    if (give(keys, context, NULL, &length, peer) == 1 && length <= sizeof secret &&
        give(keys, context, secret, &length, peer) == 1) {
        wr_bytes(shared_secret, bytes_of(secret, length));
        status = wr_finish(shared_secret);
    }
    ech_wipe(secret, sizeof secret);
    return status;
}

/* RFC 8446, 7.4.1: a secret of DH keeps its leading zeros. Other kinds of keys refuse this. */
static void keep_zeros(const struct openssl_keys *keys, EVP_PKEY_CTX *context)
{
    if (keys->EVP_PKEY_CTX_set_dh_pad != NULL) {
        (void)(keys->EVP_PKEY_CTX_set_dh_pad)(context, 1); /* a macro in 1.1.1 */
    }
}

/* libssl asks for the length of a DH public key too (RFC 8446, 4.2.8.1). */
static bool length_fits(const struct seen_key *seen, struct bytes peer)
{
    unsigned char *own = NULL;
    size_t length = seen->openssl->keys.get1_public_key(seen->key, &own);
    seen->openssl->keys.CRYPTO_free(own, __FILE__, __LINE__);
    return own != NULL && length == peer.len;
}

static enum ech_status agree_by_dh(const struct seen_key *seen, EVP_PKEY_CTX *context,
                                   struct bytes peer_octets, struct writer *shared_secret)
{
    const struct openssl_keys *keys = &seen->openssl->keys;
    EVP_PKEY *peer = length_fits(seen, peer_octets) ? peer_new(seen, peer_octets) : NULL;
    enum ech_status status = ECH_ERR_ILLEGAL;
    if (peer != NULL) {
        keep_zeros(keys, context);
    }
    if (peer != NULL && keys->EVP_PKEY_derive_set_peer(context, peer) == 1) {
        status = take_secret(keys, context, derive, peer_octets, shared_secret);
    }
    keys->EVP_PKEY_free(peer);
    return status;
}

/* A key of a KEM, alone or in a hybrid, derives nothing. */
static enum ech_status agree_with(const struct seen_key *seen, EVP_PKEY_CTX *context,
                                  struct bytes peer, struct writer *shared_secret)
{
    const struct openssl_keys *keys = &seen->openssl->keys;
    if (keys->EVP_PKEY_derive_init(context) == 1) {
        return agree_by_dh(seen, context, peer, shared_secret);
    }
    if (keys->EVP_PKEY_decapsulate != NULL && keys->EVP_PKEY_decapsulate_init != NULL &&
        keys->EVP_PKEY_decapsulate_init(context, NULL) == 1) {
        return take_secret(keys, context, decapsulate, peer, shared_secret);
    }
    return ECH_ERR_CRYPTO;
}

static enum ech_status agree(const struct shim_seen_key *key, uint16_t group,
                             struct bytes peer_key_exchange, struct writer *shared_secret)
{
    (void)group;
    const struct seen_key *seen = seen_key_of(key);
    const struct openssl *openssl = seen->openssl;
    enum ech_status status = ECH_ERR_CRYPTO;
    openssl->ERR_set_mark();
    EVP_PKEY_CTX *context = context_new(seen);
    if (context != NULL) {
        status = agree_with(seen, context, peer_key_exchange, shared_secret);
        openssl->keys.EVP_PKEY_CTX_free(context);
    }
    openssl->ERR_pop_to_mark();
    return status;
}

/* ---- a key that the library never made ---- */

/* Groups of which the engine cannot make key shares, by libcrypto's names: finite fields
 * (OpenSSL 3.0) and post-quantum ones (OpenSSL 3.5). */
struct foreign_group {
    uint16_t group;
    const char *algorithm;
    const char *parameters; /* NULL: the algorithm is the group */
};

static const struct foreign_group *foreign_group_of(uint16_t group)
{
    static const struct foreign_group groups[] = {
        {0x0100, "DH", "ffdhe2048"},      {0x0101, "DH", "ffdhe3072"},
        {0x0102, "DH", "ffdhe4096"},      {0x0103, "DH", "ffdhe6144"},
        {0x0104, "DH", "ffdhe8192"},      {0x11eb, "SecP256r1MLKEM768", NULL},
        {0x11ec, "X25519MLKEM768", NULL}, {0x11ed, "SecP384r1MLKEM1024", NULL},
        {0x0200, "MLKEM512", NULL},       {0x0201, "MLKEM768", NULL},
        {0x0202, "MLKEM1024", NULL}};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (groups[i].group == group) {
            return &groups[i];
        }
    }
    return NULL;
}

static EVP_PKEY *generate(const struct openssl_keys *keys, const struct seen_key *like,
                          uint16_t group)
{
    EVP_PKEY *key = NULL;
    const struct foreign_group *foreign = foreign_group_of(group);
    if (foreign == NULL || keys->EVP_PKEY_CTX_new_from_name == NULL ||
        keys->EVP_PKEY_keygen_init == NULL || keys->EVP_PKEY_CTX_set_group_name == NULL) {
        return NULL;
    }
    EVP_PKEY_CTX *context = keys->EVP_PKEY_CTX_new_from_name(
        like->context, foreign->algorithm, like->properties[0] != '\0' ? like->properties : NULL);
    bool begun = context != NULL && keys->EVP_PKEY_keygen_init(context) == 1 &&
                 (foreign->parameters == NULL ||
                  keys->EVP_PKEY_CTX_set_group_name(context, foreign->parameters) == 1);
    if (begun && keys->EVP_PKEY_keygen(context, &key) != 1) {
        key = NULL;
    }
    keys->EVP_PKEY_CTX_free(context);
    return key;
}

static struct shim_seen_key *make(const struct shim_seen_key *like_key, uint16_t group,
                                  struct writer *key_exchange)
{
    const struct seen_key *like = seen_key_of(like_key);
    const struct openssl *openssl = like->openssl;
    size_t length = strlen(like->properties);
    struct seen_key *made = calloc(1, sizeof *made + length + 1);
    unsigned char *octets = NULL;
    if (made == NULL) {
        return NULL;
    }
    openssl->ERR_set_mark();
    made->openssl = openssl;
    made->context = like->context;
    memcpy(made->properties, like->properties, length + 1);
    made->key = generate(&openssl->keys, like, group);
    size_t public_length =
        made->key != NULL ? openssl->keys.get1_public_key(made->key, &octets) : 0;
    wr_bytes(key_exchange, bytes_of(octets, octets != NULL ? public_length : 0));
    bool whole = octets != NULL && wr_finish(key_exchange) == ECH_OK;
    openssl->keys.CRYPTO_free(octets, __FILE__, __LINE__);
    openssl->ERR_pop_to_mark();
    if (!whole) {
        drop(&made->base);
        return NULL;
    }
    return &made->base;
}

void openssl_keys_watch(const struct openssl_connection *connection)
{
    static const struct shim_key_functions functions = {
        .take = take, .is = is, .agree = agree, .make = make, .drop = drop};
    if (connection->openssl->keys.usable && connection->session != NULL) {
        shim_session_keys_watch(connection->session, &functions, connection->openssl);
    }
}
