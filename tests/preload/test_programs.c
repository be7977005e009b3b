/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs as their distribution built them: each fetches https://secret.example.org/ under the
 * shim, with and without HelloRetryRequest. The suite baseline_programs runs the same commands
 * without the shim, so that a failure of the one suite alone is the shim's. */
#include "world.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#define URL "https://" INNER_NAME "/"

/* `connections` is how many handshakes the command makes; `says` is what it prints. */
struct program {
    const char *name;
    const char *command;
    const char *says;
    unsigned connections;
};

#define HELLO "hello from " INNER_NAME

static const struct program programs[] = {
    {"wget", "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL, HELLO, 1},
    {"wget-twice", "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL "a " URL "b", HELLO, 1},
    {"curl", "curl -sS --cacert \"$CA\" " URL, HELLO, 1},
    {"curl-http1", "curl -sS --http1.1 --cacert \"$CA\" " URL, HELLO, 1},
    {"curl-parallel",
     "curl -sS --no-keepalive -Z --cacert \"$CA\" -H 'Connection: close' " URL "a " URL "b " URL
     "c",
     HELLO, 3},
    {"curl-tls13", "curl -sS --tlsv1.3 --cacert \"$CA\" " URL, HELLO, 1},
    {"git",
     "set -e; git init -q work; cd work; git config user.name n; git config user.email e@x; "
     "echo content >file; git add file; git commit -q -m one; cd ..; "
     "git clone -q --bare work www/repo.git; git -C www/repo.git update-server-info; "
     "git clone -q " URL "repo.git copy; cat copy/file",
     "content", 1},
    {"gnutls-cli",
     "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
     "gnutls-cli --x509cafile \"$CA\" " INNER_NAME,
     HELLO, 1},
    {"gnutls-cli-priority",
     "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
     "gnutls-cli --priority 'SECURE128:-VERS-TLS1.1' --x509cafile \"$CA\" " INNER_NAME,
     HELLO, 1},
    {"s_client",
     "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
     "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -verify_hostname " INNER_NAME
     " -servername " INNER_NAME " -connect " INNER_NAME ":443",
     HELLO, 1},
    {"s_client-nbio",
     "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
     "openssl s_client -quiet -nbio -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME
     " -connect " INNER_NAME ":443",
     HELLO, 1},
    {"python-urllib",
     "/usr/bin/python3 -c 'import urllib.request as r; "
     "print(r.urlopen(\"" URL "\").read().decode())'",
     HELLO, 1},
    {"python-asyncio",
     "/usr/bin/python3 -c 'import asyncio\n"
     "async def main():\n"
     "    r, w = await asyncio.open_connection(\"" INNER_NAME "\", 443, ssl=True)\n"
     "    w.write(b\"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\")\n"
     "    print((await r.read()).decode())\n"
     "    w.close()\n"
     "asyncio.run(main())'",
     HELLO, 1},
    {"python-threads",
     "/usr/bin/python3 -c 'import urllib.request as r, concurrent.futures as f\n"
     "get = lambda i: r.urlopen(\"" URL "\" + str(i)).read().decode()\n"
     "with f.ThreadPoolExecutor(4) as pool:\n"
     "    print(*pool.map(get, range(8)))'",
     HELLO, 8},
    {"perl-lwp",
     "perl -MLWP::UserAgent -e 'my $r = LWP::UserAgent->new->get(\"" URL "\"); "
     "print $r->status_line, \"\\n\", $r->content; exit !$r->is_success'",
     HELLO, 1},
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

/* Every program twice: the second half with HelloRetryRequest. */
static struct criterion_test_params rows(void)
{
    static size_t numbers[2 * PROGRAMS];
    for (size_t i = 0; i < 2 * PROGRAMS; i++) {
        numbers[i] = i;
    }
    return cr_make_param_array(size_t, numbers, 2 * PROGRAMS);
}

static void run(size_t row, enum run_mode mode)
{
    const struct program *program = &programs[row % PROGRAMS];
    bool hello_retry = row >= PROGRAMS;
    cr_log_info("%s%s", program->name, hello_retry ? ", HelloRetryRequest" : "");
    struct world *world = world_start(&(struct world_options){.hello_retry = hello_retry});
    struct run_result result = world_shell(world, mode, NULL, program->command);
    cr_expect_eq(result.exit_code, 0, "%s%s", program->name, hello_retry ? ", with a retry" : "");
    expect_exit(&result, 0, program->says);
    if (mode == RUN_SHIM) {
        world_expect_accepted(world, program->connections);
    } else {
        world_expect_visible(world, program->connections);
    }
    unsigned retried = world_log_count(world, "hrr", hello_retry ? program->connections : 0);
    cr_assert_eq(retried, hello_retry ? program->connections : 0, "%s: %u retries", program->name,
                 retried);
}

TestSuite(programs, .fini = world_end, .timeout = 120);
TestSuite(baseline_programs, .fini = world_end, .timeout = 120);

ParameterizedTestParameters(programs, hide_the_name)
{
    return rows();
}

ParameterizedTest(size_t *row, programs, hide_the_name)
{
    run(*row, RUN_SHIM);
}

ParameterizedTestParameters(baseline_programs, work_without_the_shim)
{
    return rows();
}

ParameterizedTest(size_t *row, baseline_programs, work_without_the_shim)
{
    run(*row, RUN_PLAIN);
}
