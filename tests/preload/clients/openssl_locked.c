/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenSSL in a program that restricts itself by seccomp, "before" its handshake or "after" it. It
 * allows itself the system calls that OpenSSL needs without the shim. */
#include "openssl_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lock_in.h"

static void lock(bool by_seccomp)
{
    static const int calls[] = {SYS_read,   SYS_write,    SYS_sendto, SYS_recvfrom,  SYS_getrandom,
                                SYS_getpid, SYS_mmap,     SYS_munmap, SYS_mremap,    SYS_brk,
                                SYS_futex,  SYS_mprotect, SYS_exit,   SYS_exit_group};
    if (!lock_in(calls, sizeof calls / sizeof *calls, by_seccomp)) {
        fail("not locked in");
    }
}

static SSL *start(const struct target *target)
{
    SSL *ssl = make_ssl(make_ctx(target), target);
    SSL_set_fd(ssl, dial(target));
    return ssl;
}

static void run_before(const struct target *target)
{
    SSL *ssl = start(target);
    lock(true);
    if (SSL_connect(ssl) != 1) {
        static const char said[] = "no handshake\n";
        (void)!write(STDOUT_FILENO, said, sizeof said - 1);
        _exit(3);
    }
    exchange(ssl, target);
    _exit(0);
}

static void run_after(const struct target *target)
{
    SSL *ssl = start(target);
    if (SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    lock(false);
    exchange(ssl, target);
    _exit(0);
}

static const struct mode modes[] = {{"before", run_before}, {"after", run_after}, {NULL, NULL}};

int main(int argc, char **argv)
{
    setenv("TZ", "UTC0", 1); /* otherwise libcrypto's mktime opens a file */
    tzset();
    setvbuf(stdout, NULL, _IONBF, 0);
    return run_mode_of(argc, argv, modes);
}
