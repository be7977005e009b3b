/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resolv.conf: we ask the same servers as the C library. Each text replaces the real file, in a
 * private namespace, and the C library reads it too. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <resolv.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/resolver.h"
#include "tests/own_mounts.h"

static const char *const texts[] = {
    "",
    "nameserver 192.0.2.1\n",
    "nameserver 127.53\n",
    "nameserver 127.0.53\n",
    "nameserver 2130706433\n",
    "nameserver 0x7f.1\n",
    "nameserver 0x7f000035\n",
    "nameserver 0177.0.0.065\n",
    "nameserver 010.0.0.1\n",
    "nameserver 08.0.0.1\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.256\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1.\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1#53\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1:54\nnameserver 192.0.2.2\n",
    "nameserver 0\n",
    "nameserver 4294967296\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1 192.0.2.2\n",
    "nameserver 192.0.2.1 # a comment\n",
    "nameserver\t192.0.2.1\t\n",
    "nameserver  \t 192.0.2.1\n",
    "  nameserver 192.0.2.1\nnameserver 192.0.2.2\n",
    "\tnameserver 192.0.2.1\nnameserver 192.0.2.2\n",
    "Nameserver 192.0.2.1\nnameserver 192.0.2.2\n",
    "nameservers 192.0.2.1\nnameserver 192.0.2.2\n",
    "nameserver=192.0.2.1\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1\r\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1",
    "nameserver\nnameserver 192.0.2.2\n",
    "nameserver \nnameserver 192.0.2.2\n",
    "; nameserver 192.0.2.1\n#nameserver 192.0.2.3\nnameserver 192.0.2.2\n",
    "nameserver dns.example\nnameserver 192.0.2.2\n",
    "nameserver 192.0.2.1\nnameserver 192.0.2.1\n",
    "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
    "nameserver nonsense\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
    "nameserver 2001:db8::1\n",
    "nameserver 2001:DB8:0:0:0:0:0:1\n",
    "nameserver ::ffff:192.0.2.1\n",
    "nameserver [2001:db8::1]\nnameserver 192.0.2.2\n",
    "nameserver 2001:db8::1%1\n",
    "nameserver 2001:db8::1%lo\n",
    "nameserver fe80::1%1\n",
    "nameserver fe80::1%lo\n",
    "nameserver fe80::1%nosuch\nnameserver 192.0.2.2\n",
    "nameserver fe80::1%\nnameserver 192.0.2.2\n",
    "nameserver fe80::1\n",
    "nameserver ff02::1%lo\n",
    "nameserver 2001:db8::1\nnameserver 192.0.2.2\nnameserver 2001:db8::3\n",
    "options timeout:1 attempts:4\nnameserver 192.0.2.1\n",
    "options timeout:99 attempts:99\n",
    "options timeout:0 attempts:0\n",
    "options\ttimeout:3\n",
    " options timeout:3\n",
    "options timeout:3x\n",
    "options timeout:\n",
    "options timeout: 3\n",
    "options use-vc\nnameserver 192.0.2.1\n",
    "options use-vcx\nnameserver 192.0.2.1\n",
    "options xuse-vc\nnameserver 192.0.2.1\n",
    "options timeout:2 timeout:4\noptions attempts:3\n",
};

/* False if this machine permits no namespace. */
static bool have_own_file(const char *path)
{
    return (own_mounts() || (unshare(CLONE_NEWUSER) == 0 && own_mounts())) &&
           mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
}

/* In the form of dns_servers_id. */
static void libc_servers(const struct __res_state *state, struct dns_servers *servers)
{
    *servers = (struct dns_servers){.count = (size_t)state->nscount};
    for (size_t i = 0; i < servers->count; i++) {
        struct dns_server *server = &servers->server[i];
        const struct sockaddr_in6 *v6 = state->_u._ext.nsaddrs[i];
        if (state->nsaddr_list[i].sin_family == AF_INET) {
            server->address.v4 = state->nsaddr_list[i];
            server->address_len = sizeof server->address.v4;
        } else {
            server->address.v6 = *v6;
            server->address_len = sizeof server->address.v6;
        }
        server->tcp_only = (state->options & RES_USEVC) != 0;
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fputs(text, file) >= 0, true);
    cr_assert_eq(fclose(file), 0);
}

Test(resolver, resolv_conf_is_read_as_the_c_library_reads_it)
{
    char path[] = "/tmp/echshim-resolv-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchmod(fd, 0644), 0);
    (void)close(fd);
    if (!have_own_file(path)) {
        const char *why = own_mounts_refusal(errno);
        (void)unlink(path);
        cr_assert(own_mounts_may_be_left_out(why), "no namespaces: %s", why);
        cr_skip_test("no namespaces: %s", why);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct __res_state state = {0};
        struct dns_servers theirs;
        struct dns_servers ours;
        char their_id[DNS_RESOLVER_ID];
        char our_id[DNS_RESOLVER_ID];
        write_file(path, texts[i]);
        cr_assert_eq(res_ninit(&state), 0);
        libc_servers(&state, &theirs);
        dns_resolv_conf_parse(bytes_of(texts[i], strlen(texts[i])), &ours);
        dns_servers_id(&theirs, their_id);
        dns_servers_id(&ours, our_id);
        cr_expect_str_eq(our_id, their_id, "\"%s\": %s, and the C library has %s", texts[i], our_id,
                         their_id);
        /* The C library waits for whole seconds, and asks at least once. */
        cr_expect_eq(ours.try_us / 1000000, (uint64_t)(state.retrans > 0 ? state.retrans : 1),
                     "\"%s\": %d s", texts[i], state.retrans);
        cr_expect_eq(ours.attempts, (unsigned)(state.retry > 0 ? state.retry : 1), "\"%s\": %d",
                     texts[i], state.retry);
        res_nclose(&state);
    }
    (void)unlink(path);
}
