/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_SIZES_H
#define TESTS_UNIT_SIZES_H

#include "ech/hello_sizes.h"

/* Sizes of the hellos of hellos.c (shim/common/tls_libraries.def). */
#define OPENSSL_SIZES ((struct ech_hello_sizes){192, 128, 88})
#define GNUTLS_SIZES ((struct ech_hello_sizes){288, 220, 103})

#endif
