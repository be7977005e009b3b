/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/tls_libraries.h"

const struct shim_tls_library shim_tls_libraries[SHIM_FAMILY_COUNT] = {
#define SIZES(share, share_unpadded, older, older_unpadded, same, same_unpadded, post_quantum,     \
              post_quantum_unpadded)                                                               \
    .sizes = {.own = {share, share_unpadded},                                                      \
              .ordinary = {older, older_unpadded},                                                 \
              .copied = {same, same_unpadded}},                                                    \
    .post_quantum_size = {post_quantum, post_quantum_unpadded}
#define TLS_LIBRARY(family, library, lengths, ...)                                                 \
    [SHIM_FAMILY_##family] = {.name = #library, lengths, .functions = {__VA_ARGS__}},
#define TLS_UNSUPPORTED(family, library, ...)                                                      \
    [SHIM_FAMILY_##family] = {.name = #library, .functions = {__VA_ARGS__}},
#define TLS_SONAME(...)
#include "shim/common/tls_libraries.def"
#undef SIZES
#undef TLS_LIBRARY
#undef TLS_UNSUPPORTED
#undef TLS_SONAME
};

static const struct shim_tls_soname sonames[] = {
#define TLS_LIBRARY(...)
#define TLS_UNSUPPORTED(...)
#define TLS_SONAME(family, start, what, hooked) {start, what, SHIM_FAMILY_##family, hooked},
#include "shim/common/tls_libraries.def"
#undef TLS_LIBRARY
#undef TLS_UNSUPPORTED
#undef TLS_SONAME
};

static bool begins(const char *text, const char *start)
{
    while (*start != '\0' && *text == *start) {
        text++;
        start++;
    }
    return *start == '\0';
}

const struct shim_tls_soname *shim_tls_soname_of(const char *file)
{
    for (size_t i = 0; i < sizeof sonames / sizeof *sonames; i++) {
        if (begins(file, sonames[i].start)) {
            return &sonames[i];
        }
    }
    return NULL;
}
