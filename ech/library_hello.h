/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hello that a TLS library with an ECH client of its own has made. Its EncodedClientHelloInner
 * and its ClientHelloOuter serve again when the engine seals the hello to the server's config: that
 * saves work, and the outer hello is as the library makes it.
 */
#ifndef ECH_LIBRARY_HELLO_H
#define ECH_LIBRARY_HELLO_H

#include "ech/outer.h"

struct ech_library_hello {
    struct writer outer;   /* ClientHelloOuter, a handshake message with its header */
    struct writer encoded; /* the EncodedClientHelloInner in it, without its padding */
    /* The ECHConfig of the server to which the library has sealed it; empty: to the local config.
     */
    struct writer sealed_to;
};

void ech_library_hello_init(struct ech_library_hello *made);
/* Wipes and frees; afterwards it is as after ech_library_hello_init. */
void ech_library_hello_wipe(struct ech_library_hello *made);

/*
 * May the engine's ClientHelloOuter be made in the likeness of the library's? That one lists what
 * the program's ordinary hello lists, older versions too, and ClientHelloInner does not. Our
 * EncodedClientHelloInner then stands for what both have. key_share has to be the inner hello's
 * unless the plan has one of the engine's own.
 */
bool ech_library_hello_is_pattern(const struct ech_client_hello *outer,
                                  const struct ech_client_hello *inner, struct ech_outer_plan plan);

/*
 * May the library's EncodedClientHelloInner serve as well? The contents of server_name,
 * random, encrypted_client_hello and pre_shared_key will be the engine's; everything else is as the
 * mirror by that plan makes it (ech/outer.h): copied or left out. True if the same ClientHelloInner
 * comes out: ech_outer_extensions must stand for none that changes.
 */
bool ech_library_hello_fits(const struct ech_client_hello *outer,
                            const struct ech_client_hello *inner, struct ech_outer_plan plan);

/* Octets of the library's EncodedClientHelloInner with its padding. 0: it made none. */
size_t ech_library_hello_length(const struct ech_library_hello *made);

#endif
