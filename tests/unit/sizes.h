/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_SIZES_H
#define TESTS_UNIT_SIZES_H

#include "ech/hello_sizes.h"

/* Sizes of the hellos of hellos.c (shim/common/tls_libraries.def; test_grease.c compares them). */
#define OPENSSL_SIZES ((struct ech_hello_sizes){{192, 137}, {192, 137}, {128, 88}})
#define GNUTLS_SIZES ((struct ech_hello_sizes){{288, 220}, {160, 111}, {128, 103}})
/* Of OpenSSL 3.5 and later. */
#define POST_QUANTUM_SIZES ((struct ech_hello_sizes){{192, 137}, {256, 202}, {128, 88}})

#endif
