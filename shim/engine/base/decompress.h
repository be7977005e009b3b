/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompression of certificates (RFC 8879) by zlib, libbrotlidec and libzstd. They are loaded when
 * a server first sends such a message, so nothing depends on them: a program whose TLS library
 * lists an algorithm in its hellos has that algorithm's library in the process.
 */
#ifndef SHIM_ENGINE_BASE_DECOMPRESS_H
#define SHIM_ENGINE_BASE_DECOMPRESS_H

#include "ech/compressed_certificate.h"

/* How to load a library. Called once, at the start; without it no algorithm can be had. */
void shim_decompress_start(void *(*open)(const char *file, int mode),
                           void *(*symbol)(void *handle, const char *name));
/* ECH_ERR_UNSUPPORTED also once the program has locked itself in, unless the library was loaded
 * before. Keeps errno. */
extern const struct ech_decompressor shim_decompressor;

#endif
