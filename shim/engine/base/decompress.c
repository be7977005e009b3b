/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/decompress.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

#include "shim/common/hold.h"

/* The functions of the libraries, as their headers have them. */
typedef int zlib_uncompress2(uint8_t *out, unsigned long *out_length, const uint8_t *in,
                             unsigned long *in_length);
typedef int brotli_decompress(size_t in_length, const uint8_t *in, size_t *out_length,
                              uint8_t *out);
typedef size_t zstd_decompress(void *out, size_t out_size, const void *in, size_t in_length);

static void *(*open_library)(const char *file, int mode);
static void *(*find_symbol)(void *handle, const char *name);

void shim_decompress_start(void *(*open)(const char *file, int mode),
                           void *(*symbol)(void *handle, const char *name))
{
    open_library = open;
    find_symbol = symbol;
}

/* A library stays loaded. Two threads may load it at once: then both find the same function. */
static void *function_of(const char *library, const char *name)
{
    if (open_library == NULL || shim_hold_locked()) {
        return NULL;
    }
    void *handle = open_library(library, RTLD_NOW | RTLD_LOCAL);
    return handle != NULL ? find_symbol(handle, name) : NULL;
}

/* *found keeps the function of an earlier call. */
static void *find(_Atomic(void *) *found, const char *library, const char *name)
{
    void *function = atomic_load(found);
    if (function == NULL) {
        function = function_of(library, name);
        atomic_store(found, function);
    }
    return function;
}

static enum ech_status by_zlib(struct bytes in, uint8_t *out, size_t length)
{
    static _Atomic(void *) found;
    zlib_uncompress2 *uncompress2 = (zlib_uncompress2 *)find(&found, "libz.so.1", "uncompress2");
    unsigned long written = length;
    unsigned long read = in.len;
    if (uncompress2 == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    return uncompress2(out, &written, in.data, &read) == 0 && written == length && read == in.len
               ? ECH_OK
               : ECH_ERR_DECODE;
}

static enum ech_status by_brotli(struct bytes in, uint8_t *out, size_t length)
{
    enum { SUCCESS = 1 }; /* BROTLI_DECODER_RESULT_SUCCESS */
    static _Atomic(void *) found;
    brotli_decompress *decompress =
        (brotli_decompress *)find(&found, "libbrotlidec.so.1", "BrotliDecoderDecompress");
    size_t written = length;
    if (decompress == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    return decompress(in.len, in.data, &written, out) == SUCCESS && written == length
               ? ECH_OK
               : ECH_ERR_DECODE;
}

static enum ech_status by_zstd(struct bytes in, uint8_t *out, size_t length)
{
    static _Atomic(void *) found;
    zstd_decompress *decompress =
        (zstd_decompress *)find(&found, "libzstd.so.1", "ZSTD_decompress");
    if (decompress == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    /* An error is a number that no length can be. */
    return decompress(out, length, in.data, in.len) == length ? ECH_OK : ECH_ERR_DECODE;
}

static enum ech_status decompress(void *context, uint16_t algorithm, struct bytes in, uint8_t *out,
                                  size_t length)
{
    (void)context;
    enum ech_status status = ECH_ERR_UNSUPPORTED;
    int saved = errno;
    switch (algorithm) {
    case ECH_COMPRESSION_ZLIB:
        status = by_zlib(in, out, length);
        break;
    case ECH_COMPRESSION_BROTLI:
        status = by_brotli(in, out, length);
        break;
    case ECH_COMPRESSION_ZSTD:
        status = by_zstd(in, out, length);
        break;
    default:
        break;
    }
    errno = saved;
    return status;
}

const struct ech_decompressor shim_decompressor = {.decompress = decompress};
