/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

int openssl_ctor_done(void);

int main(void)
{
    puts(openssl_ctor_done() ? "constructor: all is well" : "the constructor did nothing");
    return !openssl_ctor_done();
}
