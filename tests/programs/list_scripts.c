/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Languages and their libraries: scripts/ has every script of more than a line. */
#include "programs.h"

#define PYTHON(name, package)                                                                      \
    {                                                                                              \
        "python3 " name, package, "/usr/bin/python3 \"$SCRIPTS/get_" name ".py\""                  \
    }

/* clang-format off */
const struct program programs_scripts[] = {
    {"guile", "guile-gnutls", "guile -q --no-auto-compile \"$SCRIPTS/get.scm\""},
    {"java (JSSE)", "default-jdk-headless", "java -Xshare:auto -XX:TieredStopAtLevel=1 get.java",
     .prepare = "cp \"$SCRIPTS/get.java\" .",
     .deviations = {{AT_WAY(WAY_OPPORTUNISTIC), "plain: unhooked_tls", "Java has TLS of its own"},
                    {AT_WAY(WAY_STRICT) | AT_WAY(WAY_RESOLVER), "refused: unhooked_tls", "the same"}}},
    {"lua LuaSec", "lua-sec", "lua5.4 \"$SCRIPTS/get.lua\""},
    {"node https", "libnode[0-9]*", "NODE_EXTRA_CA_CERTS=\"$CA\" node \"$SCRIPTS/get.js\""},
    {"perl AnyEvent", "libanyevent-http-perl", "perl \"$SCRIPTS/get_anyevent.pl\"",
     .deviations = {{AT_WAY(WAY_RESOLVER), "refused: plain_dns", "it asks the DNS by itself"}}},
    {"perl HTTP::Tiny", "libio-socket-ssl-perl", "perl -MHTTP::Tiny -e '$r = HTTP::Tiny->new(verify_SSL => 1)->get($ENV{URL}); "
                                                 "print $r->{content}; exit !$r->{success}'"},
    {"perl LWP", "libwww-perl", "perl -MLWP::Simple -e 'exit getprint($ENV{URL}) != 200'"},
    {"perl Mojolicious", "libmojolicious-perl", "perl -MMojo::UserAgent -e 'print Mojo::UserAgent->new->get($ENV{URL})->result->body'"},
    {"php curl", "php-curl", "php -r '$c = curl_init(getenv(\"URL\")); $done = curl_exec($c); exit($done ? 0 : 1);'"},
    {"php streams", "php-cli", "php -d display_errors=stderr -r '$page = file_get_contents(getenv(\"URL\")); echo $page; exit($page ? 0 : 1);'"},
    PYTHON("aiohttp", "python3-aiohttp"),
    PYTHON("asyncio", "python3"),
    PYTHON("gio", "glib-networking"),
    PYTHON("gevent", "python3-gevent"),
    PYTHON("httpx", "python3-httpx"),
    PYTHON("m2crypto", "python3-m2crypto"),
    {"python3 nss", "python3-nss", "/usr/bin/python3 \"$SCRIPTS/get_nss.py\"", .on_nss = true, .prepare = NSS_DATABASE},
    PYTHON("pycurl", "python3-pycurl"),
    {"python3 pygit2", "libgit2-1.5", "rm -rf copy; /usr/bin/python3 \"$SCRIPTS/get_pygit2.py\"", .says = "status code: 404",
     .deviations = {{AT_WAY(WAY_OPPORTUNISTIC), "plain: library", "it uses Mbed TLS"},
                    {AT_WAY(WAY_STRICT) | AT_WAY(WAY_RESOLVER), "refused: library", "the same"}}},
    PYTHON("qt5", "python3-pyqt5"),
    PYTHON("qt6", "python3-pyqt6"),
    PYTHON("requests", "python3-requests"),
    PYTHON("soup", "gir1.2-soup-3.0"),
    PYTHON("tornado", "python3-tornado"),
    PYTHON("twisted", "python3-twisted"),
    PYTHON("urllib", "python3"),
    {"ruby net/http", "ruby", "ruby -ropen-uri -e 'puts URI.open(ENV[\"URL\"], read_timeout: 5).read'"},
    {"swipl (SWI-Prolog)", "swi-prolog-nox", "swipl -q -g main \"$SCRIPTS/get.pl\""},
    {"tclsh TLS", "tcl-tls", "tclsh \"$SCRIPTS/get.tcl\""},
    {0},
};
/* clang-format on */
