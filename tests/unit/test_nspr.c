/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shim/common/nspr.h says the same as the headers of NSPR and NSS, where these are installed. */
#include <criterion/criterion.h>

#include "shim/common/nspr.h"

#if __has_include(<nspr.h>) && __has_include(<ssl.h>)
#include <nspr.h>
#include <nss.h>
#include <ssl.h>
#include <sslerr.h>
#include <sslproto.h>

#define SAME_PLACE(own, name, real, member)                                                        \
    cr_assert_eq(offsetof(struct own, name), offsetof(real, member), #name)

Test(nspr, layers)
{
    cr_assert_eq(sizeof(struct nspr_file), sizeof(PRFileDesc));
    SAME_PLACE(nspr_file, methods, PRFileDesc, methods);
    SAME_PLACE(nspr_file, secret, PRFileDesc, secret);
    SAME_PLACE(nspr_file, lower, PRFileDesc, lower);
    SAME_PLACE(nspr_file, higher, PRFileDesc, higher);
    SAME_PLACE(nspr_file, destroy, PRFileDesc, dtor);
    SAME_PLACE(nspr_file, identity, PRFileDesc, identity);
}

Test(nspr, methods)
{
    cr_assert_eq(sizeof(struct nspr_methods), sizeof(PRIOMethods));
    SAME_PLACE(nspr_methods, file_type, PRIOMethods, file_type);
    SAME_PLACE(nspr_methods, close, PRIOMethods, close);
    SAME_PLACE(nspr_methods, read, PRIOMethods, read);
    SAME_PLACE(nspr_methods, write, PRIOMethods, write);
    SAME_PLACE(nspr_methods, accept, PRIOMethods, accept);
    SAME_PLACE(nspr_methods, recv, PRIOMethods, recv);
    SAME_PLACE(nspr_methods, send, PRIOMethods, send);
    SAME_PLACE(nspr_methods, poll, PRIOMethods, poll);
    SAME_PLACE(nspr_methods, acceptread, PRIOMethods, acceptread);
    SAME_PLACE(nspr_methods, getpeername, PRIOMethods, getpeername);
}

Test(nspr, numbers)
{
    cr_assert_eq((int)NSPR_SUCCESS, (int)PR_SUCCESS);
    cr_assert_eq((int)NSPR_FAILURE, (int)PR_FAILURE);
    cr_assert_eq((int)NSPR_SUCCESS, (int)SECSuccess);
    cr_assert_eq((int)NSPR_FAILURE, (int)SECFailure);
    cr_assert_eq((int)NSPR_TOP_LAYER, (int)PR_TOP_IO_LAYER);
    cr_assert_eq((int)NSPR_POLL_READ, PR_POLL_READ);
    cr_assert_eq((int)NSPR_POLL_WRITE, PR_POLL_WRITE);
    cr_assert_eq((int)NSPR_MSG_PEEK, PR_MSG_PEEK);
    cr_assert_eq((int)NSPR_WOULD_BLOCK_ERROR, (int)PR_WOULD_BLOCK_ERROR);
    cr_assert_eq((int)NSPR_PENDING_INTERRUPT_ERROR, (int)PR_PENDING_INTERRUPT_ERROR);
    cr_assert_eq((int)NSPR_IO_TIMEOUT_ERROR, (int)PR_IO_TIMEOUT_ERROR);
    cr_assert_eq(NSPR_NO_TIMEOUT, PR_INTERVAL_NO_TIMEOUT);
    cr_assert_eq(PR_INTERVAL_NO_WAIT, 0u);
    cr_assert_eq((int)NSS_OPTION_SECURITY, SSL_SECURITY);
    cr_assert_eq((int)NSS_OPTION_HANDSHAKE_AS_SERVER, SSL_HANDSHAKE_AS_SERVER);
    cr_assert_eq((int)NSS_TLS13, SSL_LIBRARY_VERSION_TLS_1_3);
#if NSS_VMAJOR > 3 || NSS_VMINOR >= 80
    cr_assert_eq((int)NSS_ECH_REQUIRED_ALERT, (int)SSL_ERROR_ECH_REQUIRED_ALERT);
#endif
    cr_assert_eq(sizeof(struct nss_version_range), sizeof(SSLVersionRange));
}
#else
Test(nspr, without_headers)
{
    cr_skip_test("no headers of NSS here (libnss3-dev)");
}
#endif
