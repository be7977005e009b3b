/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Through proxies on ports that are not watched (tunnel.h), by preloads that redirect connections.
 */
#include "checks.h"
#include "tunnel.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

/* The path of a library; skips the test where it is not installed. */
static const char *library_at(const char *pattern)
{
    glob_t found = {0};
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL || glob(pattern, 0, NULL, &found) != 0) {
        cr_skip_test("not installed here, or no place for a sanitizer's runtime");
    }
    return found.gl_pathv[0];
}

static void write_configuration(const struct world *world, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *out = fopen(path, "we");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
}

#define CHAIN "strict_chain\nproxy_dns\nquiet_mode\nlocalnet 127.0.0.0/255.0.0.0\n[ProxyList]\n"
#define PROXYCHAINS "/usr/lib/*/libproxychains.so.4"
#define TORSOCKS "/usr/lib/*/torsocks/libtorsocks.so.0"

/* The other library in front of ours, and behind it. */
static void check_preload(const char *library, bool first, const char *chain, const char *command)
{
    char whole[2000];
    const char *path = library_at(library);
    struct world *world = tunnel_start(NULL);
    tunnel_proxy_start(world, "second", "127.0.0.7:3128", NULL);
    write_configuration(world, "chain.conf", chain);
    write_configuration(world, "tor.conf",
                        "TorAddress 127.0.0.6\nTorPort 3128\nAllowOutboundLocalhost 1\n");
    snprintf(whole, sizeof whole,
             "export PROXYCHAINS_CONF_FILE=$WORLD/chain.conf TORSOCKS_CONF_FILE=$WORLD/tor.conf "
             "TORSOCKS_LOG_LEVEL=1; export LD_PRELOAD=\"%s%s$LD_PRELOAD%s%s\"; %s",
             first ? path : "", first ? ":" : "", first ? "" : ":", first ? "" : path, command);
    tunnel_check_in(world, whole, false);
}

#define ONE_PROXY CHAIN "socks5 127.0.0.6 3128\n"
#define TWO_PROXIES CHAIN "http 127.0.0.6 3128\nsocks5 127.0.0.7 3128\n"

Test(tunnels, proxychains_before_ours_curl)
{
    check_preload(PROXYCHAINS, true, ONE_PROXY, CURL);
}

Test(tunnels, proxychains_behind_ours_curl)
{
    check_preload(PROXYCHAINS, false, ONE_PROXY, CURL);
}

Test(tunnels, proxychains_before_ours_wget)
{
    check_preload(PROXYCHAINS, true, ONE_PROXY, WGET);
}

Test(tunnels, proxychains_behind_ours_wget)
{
    check_preload(PROXYCHAINS, false, ONE_PROXY, WGET);
}

Test(tunnels, two_proxies_before_ours_curl)
{
    check_preload(PROXYCHAINS, true, TWO_PROXIES, CURL);
}

Test(tunnels, two_proxies_behind_ours_wget)
{
    check_preload(PROXYCHAINS, false, TWO_PROXIES, WGET);
}

Test(tunnels, torsocks_before_ours_curl)
{
    check_preload(TORSOCKS, true, "", CURL);
}

Test(tunnels, torsocks_behind_ours_curl)
{
    check_preload(TORSOCKS, false, "", CURL);
}

Test(tunnels, torsocks_behind_ours_wget)
{
    check_preload(TORSOCKS, false, "", WGET);
}
