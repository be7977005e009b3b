/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A preload that defines the functions by which TLS libraries make private keys and seal. $KEYS:
 *   hide    calls the library's own, past every other preload
 *   blind   hides what is sealed, and nothing else
 *   next    calls the next definition, and says once that it was called
 *   decoys  the same, and makes one more key before each, and one after it
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X25519 = 1034 /* NID_X25519 */ };

typedef int evp_keygen(void *context, void **key);
typedef void multiply_base(uint8_t *q, const uint8_t *n);
typedef void make_pair(uint8_t *public_key, uint8_t *private_key);
typedef void generate_keypair(void *pub, void *key, void *random_ctx, void *random);

static int does(const char *what)
{
    const char *keys = getenv("KEYS");
    return keys != NULL && strcmp(keys, what) == 0;
}

static void *find_in(const char *name, const char *const files[], int hides)
{
    if (!hides) {
        fprintf(stderr, "%s was interposed\n", name);
        return dlsym(RTLD_NEXT, name);
    }
    void *handle = NULL;
    for (size_t i = 0; files[i] != NULL && handle == NULL; i++) {
        handle = dlopen(files[i], RTLD_LAZY | RTLD_NOLOAD);
    }
    return handle != NULL ? dlsym(handle, name) : NULL;
}

static void *find(const char *name, const char *const files[])
{
    return find_in(name, files, does("hide"));
}

/* AWS-LC has no number. */
static const char *const boring[] = {"libcrypto.so.0", "libcrypto.so", NULL};
static const char *const crypto[] = {"libcrypto.so", "libcrypto.so.4", "libcrypto.so.3",
                                     "libcrypto.so.1.1", NULL};
static const char *const hogweed[] = {"libhogweed.so.6", NULL};

/* ---- OpenSSL ---- */

static void make_decoy(evp_keygen *next)
{
    void *libcrypto = RTLD_DEFAULT;
    for (size_t i = 0; crypto[i] != NULL && libcrypto == RTLD_DEFAULT; i++) {
        void *handle = dlopen(crypto[i], RTLD_LAZY | RTLD_NOLOAD);
        libcrypto = handle != NULL ? handle : libcrypto;
    }
    void *(*context_new)(int, void *) =
        (void *(*)(int, void *))dlsym(libcrypto, "EVP_PKEY_CTX_new_id");
    int (*init)(void *) = (int (*)(void *))dlsym(libcrypto, "EVP_PKEY_keygen_init");
    void (*context_free)(void *) = (void (*)(void *))dlsym(libcrypto, "EVP_PKEY_CTX_free");
    void (*key_free)(void *) = (void (*)(void *))dlsym(libcrypto, "EVP_PKEY_free");
    void *key = NULL;
    void *context = context_new(X25519, NULL);
    if (init(context) != 1 || next(context, &key) != 1) {
        abort();
    }
    context_free(context);
    key_free(key);
}

int EVP_PKEY_keygen(void *context, void **key);
int EVP_PKEY_keygen(void *context, void **key)
{
    static evp_keygen *next;
    if (next == NULL) {
        next = (evp_keygen *)find("EVP_PKEY_keygen", crypto);
    }
    if (does("decoys")) {
        make_decoy(next);
    }
    int result = next(context, key);
    if (does("decoys")) {
        make_decoy(next);
    }
    return result;
}

/* ---- nettle ---- */

static void multiply(multiply_base *next, uint8_t *q, const uint8_t *n)
{
    uint8_t point[56];
    static const uint8_t scalar[56] = {1, 2, 3};
    if (does("decoys")) {
        next(point, scalar);
    }
    next(q, n);
    if (does("decoys")) {
        next(point, scalar);
    }
}

void nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n);
void nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n)
{
    static multiply_base *next;
    if (next == NULL) {
        next = (multiply_base *)find("nettle_curve25519_mul_g", hogweed);
    }
    multiply(next, q, n);
}

void nettle_curve448_mul_g(uint8_t *q, const uint8_t *n);
void nettle_curve448_mul_g(uint8_t *q, const uint8_t *n)
{
    static multiply_base *next;
    if (next == NULL) {
        next = (multiply_base *)find("nettle_curve448_mul_g", hogweed);
    }
    multiply(next, q, n);
}

void nettle_ecdsa_generate_keypair(void *pub, void *key, void *random_ctx, void *random);
void nettle_ecdsa_generate_keypair(void *pub, void *key, void *random_ctx, void *random)
{
    static generate_keypair *next;
    if (next == NULL) {
        next = (generate_keypair *)find("nettle_ecdsa_generate_keypair", hogweed);
    }
    next(pub, key, random_ctx, random);
}

/* ---- BoringSSL ---- */

void X25519_keypair(uint8_t *public_key, uint8_t *private_key);
void X25519_keypair(uint8_t *public_key, uint8_t *private_key)
{
    static make_pair *next;
    uint8_t decoy[2][32];
    if (next == NULL) {
        next = (make_pair *)find("X25519_keypair", boring);
    }
    if (does("decoys")) {
        next(decoy[0], decoy[1]);
    }
    next(public_key, private_key);
    if (does("decoys")) {
        next(decoy[0], decoy[1]);
    }
}

/* ---- HPKE of BoringSSL and of OpenSSL: the arguments are passed on as they are ---- */

#define PASSES(name, files, hides, result, parameters, arguments)                                  \
    result name parameters;                                                                        \
    result name parameters                                                                         \
    {                                                                                              \
        static result(*next) parameters;                                                           \
        if (next == NULL) {                                                                        \
            next = (result(*) parameters)find_in(#name, files, hides);                             \
        }                                                                                          \
        return next arguments;                                                                     \
    }                                                                                              \
    struct program

PASSES(EVP_HPKE_CTX_setup_sender, boring, does("hide"), int,
       (void *context, void *enc, size_t *enc_length, size_t most, const void *kem, const void *kdf,
        const void *aead, const void *key, size_t key_length, const void *info, size_t info_length),
       (context, enc, enc_length, most, kem, kdf, aead, key, key_length, info, info_length));
PASSES(EVP_HPKE_CTX_seal, boring, does("hide") || does("blind"), int,
       (void *context, void *out, size_t *length, size_t most, const void *in, size_t in_length,
        const void *ad, size_t ad_length),
       (context, out, length, most, in, in_length, ad, ad_length));
PASSES(OSSL_HPKE_encap, crypto, does("hide"), int,
       (void *context, void *enc, size_t *enc_length, const void *key, size_t key_length,
        const void *info, size_t info_length),
       (context, enc, enc_length, key, key_length, info, info_length));
PASSES(OSSL_HPKE_seal, crypto, does("hide") || does("blind"), int,
       (void *context, void *out, size_t *length, const void *ad, size_t ad_length, const void *in,
        size_t in_length),
       (context, out, length, ad, ad_length, in, in_length));
