/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real programs on OpenSSL that the shim once broke. Each is skipped where it is not installed
 * (tools/scripts/setup.sh programs). */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(real, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define PYTHON "/usr/bin/python3 -W ignore -c "

/* Skips the test unless the command `test` succeeds: it checks that the program is installed. */
static void need(const char *test)
{
    char line[256];
    snprintf(line, sizeof line, "{ %s; } >/dev/null 2>&1", test);
    if (system(line) != 0) {
        cr_skip_test("not here: %s", test);
    }
}

/* ---- Qt: every program that uses QNetworkAccessManager ---- */

#define QT(version)                                                                                \
    "QT_QPA_PLATFORM=offscreen " PYTHON "'\n"                                                      \
    "import os, sys\n"                                                                             \
    "from PyQt" version ".QtCore import QCoreApplication, QUrl, QTimer\n"                          \
    "from PyQt" version ".QtNetwork import *\n"                                                    \
    "application = QCoreApplication(sys.argv)\n"                                                   \
    "configuration = QSslConfiguration.defaultConfiguration()\n"                                   \
    "configuration.setCaCertificates(QSslCertificate.fromPath(os.environ[\"CA\"]))\n"              \
    "QSslConfiguration.setDefaultConfiguration(configuration)\n"                                   \
    "manager = QNetworkAccessManager()\n"                                                          \
    "reply = manager.get(QNetworkRequest(QUrl(\"" URL "\")))\n"                                    \
    "reply.finished.connect(application.quit)\n"                                                   \
    "QTimer.singleShot(20000, application.quit)\n"                                                 \
    "getattr(application, \"exec\", getattr(application, \"exec_\", None))()\n"                    \
    "print(reply.errorString(), bytes(reply.readAll()).decode())\n"                                \
    "del reply, manager'"

static void check_accepted(const struct world_options *options, char *mode, const char *command)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(mode), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "accepted"), 1u, "%s",
                 world_read(world, "report", NULL));
    world_expect_hidden(world);
}

static void check_refused(const char *command, int exit_code, const char *text)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    expect_exit(&result, exit_code, text);
    cr_assert(world_report_count(world, "refused") > 0);
    world_expect_hidden(world);
}

#define GETS_THROUGH(name, needs, command)                                                         \
    Test(real, name)                                                                               \
    {                                                                                              \
        need(needs);                                                                               \
        check_accepted(NULL, OPPORTUNISTIC, command);                                              \
    }                                                                                              \
    Test(real, name##_strict)                                                                      \
    {                                                                                              \
        need(needs);                                                                               \
        check_accepted(NULL, STRICT, command);                                                     \
    }                                                                                              \
    Test(real, name##_stale)                                                                       \
    {                                                                                              \
        need(needs);                                                                               \
        check_accepted(&(struct world_options){.stale_config = true}, STRICT, command);            \
    }                                                                                              \
    Test(real, name##_without_record)                                                              \
    {                                                                                              \
        need(needs);                                                                               \
        struct world *world = world_start(&(struct world_options){.no_https_record = true});       \
        struct run_result result = world_shell(world, RUN_SHIM, NULL, command);                    \
        expect_exit(&result, 0, HELLO);                                                            \
        cr_assert_eq(world_report_count(world, "grease"), 1u);                                     \
    }                                                                                              \
    struct world

#define HAS_MODULE(module) PYTHON "'import " module "'"

GETS_THROUGH(qt5, HAS_MODULE("PyQt5.QtNetwork"), QT("5"));
GETS_THROUGH(qt6, HAS_MODULE("PyQt6.QtNetwork"), QT("6"));

/* It once crashed at its first connection. The server is not a Nextcloud, and the program says so.
 */
Test(real, nextcloudcmd)
{
    need("command -v nextcloudcmd");
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT),
                    "mkdir -p files; QT_QPA_PLATFORM=offscreen HOME=$PWD timeout 30 nextcloudcmd "
                    "--trust --non-interactive -u user -p word files https://" INNER_NAME);
    cr_assert_lt(result.exit_code, 124, "%s%s", result.out, result.err);
    cr_assert_geq(world_report_count(world, "accepted"), 1u, "%s%s", result.out, result.err);
    world_expect_hidden(world);
}

Test(real, qt5_refused)
{
    need(HAS_MODULE("PyQt5.QtNetwork"));
    check_refused(QT("5"), 0, "SSL handshake failed");
}

/* ---- Twisted: sets the server name in the info callback ---- */

#define TWISTED                                                                                    \
    PYTHON "'\n"                                                                                   \
           "import os, sys\n"                                                                      \
           "from twisted.internet import reactor, ssl\n"                                           \
           "from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, readBody\n"           \
           "root = ssl.Certificate.loadPEM(open(os.environ[\"CA\"]).read())\n"                     \
           "agent = Agent(reactor, BrowserLikePolicyForHTTPS(root))\n"                             \
           "wanted = agent.request(b\"GET\", b\"" URL "\")\n"                                      \
           "wanted.addCallback(readBody)\n"                                                        \
           "status = [1]\n"                                                                        \
           "def good(body):\n"                                                                     \
           "    print(body.decode())\n"                                                            \
           "    status[0] = 0\n"                                                                   \
           "wanted.addCallbacks(good, lambda failure: print(failure.getErrorMessage()))\n"         \
           "wanted.addBoth(lambda ignored: reactor.stop())\n"                                      \
           "reactor.run()\n"                                                                       \
           "sys.exit(status[0])'"

GETS_THROUGH(twisted, HAS_MODULE("twisted.internet.ssl, service_identity"), TWISTED);

Test(real, twisted_refused)
{
    need(HAS_MODULE("twisted.internet.ssl, service_identity"));
    check_refused(TWISTED, 1, "ech required");
}

#define SCRAPY                                                                                     \
    "SSL_CERT_FILE=$CA scrapy fetch --nolog -s DOWNLOADER_CLIENT_TLS_METHOD=TLS "                  \
    "-s RETRY_ENABLED=False -s ROBOTSTXT_OBEY=False " URL

GETS_THROUGH(scrapy, "command -v scrapy", SCRAPY);

/* ---- programs that rely on the text of an error ---- */

#define M2CRYPTO                                                                                   \
    PYTHON                                                                                         \
    "'\n"                                                                                          \
    "import os\n"                                                                                  \
    "from M2Crypto import SSL, m2urllib2\n"                                                        \
    "context = SSL.Context(\"tls\")\n"                                                             \
    "context.load_verify_locations(os.environ[\"CA\"])\n"                                          \
    "context.set_verify(SSL.verify_peer, 9)\n"                                                     \
    "connection = SSL.Connection(context)\n"                                                       \
    "connection.set_tlsext_host_name(\"" INNER_NAME "\")\n"                                        \
    "connection.connect((\"" INNER_NAME "\", 443))\n"                                              \
    "connection.send(b\"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\")\n"       \
    "print(connection.read(2000).decode(), connection.read(2000).decode())'"

GETS_THROUGH(m2crypto, HAS_MODULE("M2Crypto"), M2CRYPTO);

Test(real, m2crypto_refused)
{
    need(HAS_MODULE("M2Crypto"));
    check_refused(M2CRYPTO, 1, "ech required");
}

#define DAVIX "davix-get -k --capath /nowhere " URL

GETS_THROUGH(davix, "command -v davix-get", DAVIX);

Test(real, davix_refused)
{
    need("command -v davix-get");
    check_refused(DAVIX, 255, "ech required");
}
