/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A question to an encrypted resolver, in which memory or randomness runs out. The server's side
 * does not use the code under test, because it runs at the same time. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shim/engine/state/state.h"
#include "tests/faults/faults.h"
#include "tests/unit/tls_responder.h"

static struct tls_responder responder;
static struct dns_io io;
static struct test_source source;

const struct shim_engine_state *shim_state(void)
{
    static const struct shim_stub stub = {.connect = connect, .send = send};
    static const struct shim_engine_state state = {.stub = &stub};
    return &state;
}

static bool faulty_random(void *out, size_t len)
{
    struct ech_random random = faults_random(&source);
    return random.fill(random.context, out, len) == ECH_OK;
}

/* Returns the query itself as its answer: only the question matters here. */
static void serve_dot(struct tls_peer *peer)
{
    uint8_t message[65535 + 2];
    size_t len;
    while (peer_read_query(peer, message + 2, &len)) {
        message[0] = (uint8_t)(len >> 8);
        message[1] = (uint8_t)len;
        message[2 + 2] |= 0x80;
        (void)peer_write(peer, message, len + 2);
    }
}

static void serve_http1(struct tls_peer *peer)
{
    char *request;
    size_t len;
    while ((request = peer_read_until(peer, "\r\n\r\n", &len)) != NULL) {
        size_t head = (size_t)(strstr(request, "\r\n\r\n") + 4 - request);
        uint8_t message[128];
        memcpy(message, request + head, len - head);
        ssize_t got = (ssize_t)(len - head);
        while (got < 128) {
            ssize_t more = gnutls_record_recv(peer->session, message + got, (size_t)(128 - got));
            if (more <= 0) {
                break;
            }
            got += more;
        }
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n"
                                     "Age: 1\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n";
        message[2] |= 0x80;
        (void)peer_write(peer, answer, sizeof answer - 1);
        (void)peer_write(peer, message, sizeof message);
        (void)peer_write(peer, "\r\n0\r\n\r\n", 7);
        free(request);
    }
}

struct scenario {
    const char *setting;
    enum fault_kind kind;
};

static void ask(const void *context)
{
    const struct scenario *scenario = context;
    static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\101\0\1";
    struct dns_ticket *ticket = NULL;
    struct writer answer;
    bool pending = false;
    io = dns_io_libc;
    io.random = faulty_random;
    source.state = 1;
    struct dns_channel *channel =
        FAULTY(client_channel_with(scenario->setting, responder.port, &io, NULL));
    if (channel == NULL) {
        cr_assert(faults_injected());
        return;
    }
    errno = 4711;
    wr_init(&answer, 65535);
    enum dns_reason reason = FAULTY(dns_channel_ask(channel, bytes_of(query, sizeof query - 1),
                                                    dns_io_libc.now_us() + 5000000, &ticket));
    if (reason == DNS_REASON_OK) {
        reason = FAULTY(
            dns_channel_wait(channel, ticket, dns_io_libc.now_us() + 5000000, &answer, &pending));
    }
    cr_assert_eq(errno, 4711);
    cr_assert_not(pending);
    if (reason == DNS_REASON_OK) {
        cr_assert_eq(answer.len, 128);
        cr_assert_eq(answer.data[0], 0x12);
    } else {
        cr_assert(faults_injected());
        /* A fault in the middle of a handshake is reported as GnuTLS sees it. */
        cr_assert(reason == DNS_REASON_NO_MEMORY || reason == DNS_REASON_RESOLVER_TLS ||
                      reason == DNS_REASON_HTTP_ANSWER || reason == DNS_REASON_RESOLVER_CERTIFICATE,
                  "%s", dns_reason_name(reason));
    }
    faults_enter();
    wr_free(&answer);
    dns_channel_free(channel);
    faults_leave();
}

static void run(const char *name, const char *setting, tls_serve *serve)
{
    const struct scenario memory = {.setting = setting, .kind = FAULT_MEMORY};
    const struct scenario randomness = {.setting = setting, .kind = FAULT_RANDOM};
    tls_responder_start(&responder, &(struct tls_responder_options){.serve = serve});
    faults_run(name, FAULT_MEMORY, 8, ask, &memory);
    if (serve == serve_dot) {
        faults_run(name, FAULT_RANDOM, 1, ask, &randomness);
    }
    client_end(NULL);
    tls_responder_stop(&responder);
}

Test(channel_faults, dns_over_tls)
{
    run("question over TLS", "tls://127.0.0.1:%u#dns.test", serve_dot);
}

Test(channel_faults, dns_over_https)
{
    run("question over HTTPS", "https://dns.test:%u/q#127.0.0.1", serve_http1);
}
