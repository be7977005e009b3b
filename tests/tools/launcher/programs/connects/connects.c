/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connects PORT WAY...: reaches 127.0.0.1:PORT in each way, and prints a line "WAY ERRNO" (0: it
 * worked). A stream that is connected sends a hello with the name of the server in the clear. All
 * calls are made by instructions of the program itself, as Go makes them; only the way "libc" uses
 * the C library.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connects.h"

struct sockaddr_in server;
const char *own_path;
const char *own_port;

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        way *run;
    } ways[] = {
        {"connect", by_connect},
        {"nonblocking", by_nonblocking},
        {"mapped", by_mapped},
        {"ipv6", by_ipv6},
        {"multipath", by_multipath},
        {"fastopen-sendto", by_fastopen_sendto},
        {"fastopen-sendmsg", by_fastopen_sendmsg},
        {"fastopen-sendmmsg", by_fastopen_sendmmsg},
        {"datagram-connect", by_datagram_connect},
        {"datagram-sendto", by_datagram_sendto},
        {"datagram-unspecified", by_datagram_unspecified},
        {"datagram-sendmsg", by_datagram_sendmsg},
        {"datagram-sendmmsg", by_datagram_sendmmsg},
        {"libc", by_libc},
        {"unix", by_unix},
        {"unix-sendmsg", by_unix_sendmsg},
        {"bad-pointer", by_bad_pointer},
        {"io_uring", by_io_uring},
        {"disconnect", by_disconnect},
#if defined(__x86_64__)
        {"int80-connect", by_int80_connect},
        {"int80-socketcall", by_int80_socketcall},
        {"int80-sendmsg", by_int80_sendmsg},
        {"x32", by_x32},
#endif
        {"thread", by_thread},
        {"fork", by_fork},
        {"vfork", by_vfork},
        {"clone3", by_clone3},
        {"shared-memory", by_shared_memory},
        {"double-fork", by_double_fork},
        {"generations", by_generations},
        {"own-filter", by_own_filter},
        {"own-listener", by_own_listener},
        {"exec", by_exec},
        {"cleared-exec", by_cleared_exec},
        {"descriptor", by_descriptor},
        {"memory-file", by_memory_file},
        {"script", by_script},
        {"exit", by_exit},
        {"closed-memory", by_closed_memory},
        {"closed-libc", by_closed_libc},
        {"closed-unix", by_closed_unix},
    };
    if (argc < 3) {
        return 2;
    }
    own_path = argv[0];
    own_port = argv[1];
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    make_hello();
    for (int argument = 2; argument < argc; argument++) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            if (strcmp(argv[argument], ways[i].name) == 0) {
                printf("%s %d\n", ways[i].name, ways[i].run());
                fflush(stdout);
            }
        }
    }
    return 0;
}
