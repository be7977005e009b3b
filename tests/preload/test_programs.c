/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of the distribution, unchanged: each fetches https://secret.example.org/. */
#include "matrix.h"

#define URL "https://" INNER_NAME "/"
#define HELLO "hello from " INNER_NAME

MATRIX_SUITE(programs);

/* clang-format off */
MATRIX(programs, wget, 1, HELLO,
       "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL);
MATRIX(programs, wget_keeps_the_connection, 1, HELLO,
       "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL "a " URL "b");
MATRIX(programs, wget_bulk, 1, "20000000",
       "wget -q -O - --tries=1 --ca-certificate=\"$CA\" " URL "bulk/20000000 | wc -c");

MATRIX(programs, curl, 1, HELLO,
       "curl -sS --cacert \"$CA\" " URL);
MATRIX(programs, curl_http1, 1, HELLO,
       "curl -sS --http1.1 --cacert \"$CA\" " URL);
MATRIX(programs, curl_tls13, 1, HELLO,
       "curl -sS --tlsv1.3 --cacert \"$CA\" " URL);
MATRIX(programs, curl_parallel, 3, HELLO,
       "curl -sS --http1.1 -Z --cacert \"$CA\" -H 'Connection: close' " URL "a " URL "b " URL "c");
MATRIX(programs, curl_bulk, 1, "20000000",
       "curl -sS --cacert \"$CA\" " URL "bulk/20000000 | wc -c");

MATRIX(programs, git_clone, 1, "content",
       "set -e; git init -q work; cd work; git config user.name n; git config user.email e@x; "
       "echo content >file; git add file; git commit -q -m one; cd ..; "
       "git clone -q --bare work www/repo.git; git -C www/repo.git update-server-info; "
       "git clone -q " URL "repo.git copy; cat copy/file");

MATRIX(programs, gnutls_cli, 1, HELLO,
       SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME);
MATRIX(programs, gnutls_cli_priority, 1, HELLO,
       SEND_REQUEST "gnutls-cli --priority 'SECURE128:-VERS-TLS1.1' --x509cafile \"$CA\" "
       INNER_NAME);

MATRIX(programs, s_client, 1, HELLO,
       SEND_REQUEST "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -verify_hostname "
       INNER_NAME " -servername " INNER_NAME " -connect " INNER_NAME ":443");
MATRIX(programs, s_client_nbio, 1, HELLO,
       SEND_REQUEST "openssl s_client -quiet -nbio -verify_return_error -CAfile \"$CA\" "
       "-servername " INNER_NAME " -connect " INNER_NAME ":443");

MATRIX(programs, python_urllib, 1, HELLO,
       "/usr/bin/python3 -c 'import urllib.request as r; "
       "print(r.urlopen(\"" URL "\").read().decode())'");
MATRIX(programs, python_asyncio, 1, HELLO,
       "/usr/bin/python3 -c 'import asyncio\n"
       "async def main():\n"
       "    r, w = await asyncio.open_connection(\"" INNER_NAME "\", 443, ssl=True)\n"
       "    w.write(b\"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\")\n"
       "    print((await r.read()).decode())\n"
       "    w.close()\n"
       "asyncio.run(main())'");
MATRIX(programs, python_threads, 8, HELLO,
       "/usr/bin/python3 -c 'import urllib.request as r, concurrent.futures as f\n"
       "get = lambda i: r.urlopen(\"" URL "\" + str(i)).read().decode()\n"
       "with f.ThreadPoolExecutor(4) as pool:\n"
       "    print(*pool.map(get, range(8)))'");

MATRIX(programs, perl_lwp, 1, HELLO,
       "perl -MLWP::UserAgent -e 'my $r = LWP::UserAgent->new->get(\"" URL "\"); "
       "print $r->status_line, \"\\n\", $r->content; exit !$r->is_success'");
/* clang-format on */
