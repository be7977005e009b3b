/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counts WHAT: does one thing of tests/counts/check twice. callgrind counts the second time alone.
 * Input and random octets are the same in every run.
 * counts listen COMMAND...: runs the command with a listening socket as descriptor LISTENER, whose
 * port ECHSHIM_PORTS names.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Debian's valgrind brings it. Without valgrind nothing is counted. */
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#include "dns/https_rr.h"
#include "ech/exchange.h"
#include "ech/records.h"
#include "ech/sender.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"

enum { LISTENER = 9, WRITES = 100, DATA_OCTETS = 1000 };

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "counts: %s\n", what);
        exit(1);
    }
}

/* ---- a parsed HTTPS record ---- */

/* 1 . alpn=h2,h3 ipv4hint=192.0.2.1 ech=... ipv6hint=2001:db8::1 */
static const uint8_t rdata[] = {
    0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x06, 0x02, 'h',  '2',  0x02, 'h',  '3',  0x00, 0x04,
    0x00, 0x04, 0xc0, 0x00, 0x02, 0x01, 0x00, 0x05, 0x00, 0x46, 0x00, 0x44, 0xfe, 0x0d, 0x00,
    0x40, 0x2a, 0x00, 0x20, 0x00, 0x20, 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74,
    0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
    0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a, 0x00, 0x08, 0x00, 0x01, 0x00, 0x01, 0x00,
    0x01, 0x00, 0x03, 0x00, 0x0d, 'c',  'o',  'v',  'e',  'r',  '.',  'e',  'x',  'a',  'm',
    'p',  'l',  'e',  0x00, 0x00, 0x00, 0x06, 0x00, 0x10, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01};
static struct ech_config_choice choice;

static void parse_record(void)
{
    struct https_rr rr;
    must(https_rr_parse(bytes_of(rdata, sizeof rdata), &rr) == HTTPS_RR_OK, "the record");
    must(https_rr_usable_over_tcp(&rr), "its protocols");
    must(ech_config_list_select(rr.ech, NULL, &choice) == ECH_OK, "its ECHConfigList");
}

/* ---- a sealed hello ---- */

/* xorshift64*, which starts alike for every hello. */
static uint64_t random_state;

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++) {
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        out[i] = (uint8_t)((random_state * 0x2545f4914f6cdd1dU) >> 56);
    }
    return ECH_OK;
}

static struct writer inner;

static void seal_hello(void)
{
    const struct ech_exchange_options options = {.random = {.fill = fill}, .sizes = OPENSSL_SIZES};
    struct ech_exchange *exchange;
    random_state = 42;
    must(ech_exchange_new(&exchange, &options) == ECH_OK, "an exchange");
    must(ech_exchange_from_app(exchange, wr_view(&inner)) == ECH_EVENT_NEED_CONFIG, "the hello");
    must(ech_exchange_offer(exchange, &choice) == ECH_EVENT_NONE, "the offer");
    struct bytes outer = ech_exchange_to_net(exchange);
    must(outer.len > wr_view(&inner).len, "the outer hello");
    ech_exchange_net_took(exchange, outer.len);
    ech_exchange_free(exchange);
}

static void prepare_hello(void)
{
    parse_record();
    wr_init(&inner, 0);
    ech_records_write(&inner, ECH_TLS12, hello_openssl);
}

/* The same with a sender that was prepared while the connection was made. */
static void prepare_sender(void)
{
    static struct ech_prepared_sender prepared;
    const struct ech_random random = {.fill = fill};
    random_state = 43;
    choice.prepared = &prepared;
    must(ech_sender_prepare(&prepared, &choice, &random) == ECH_OK, "a sender");
}

/* ---- a write to a connection ---- */

static int connection = -1;

static void write_data(void)
{
    /* A record of application data. */
    static uint8_t data[DATA_OCTETS] = {0x17, 0x03, 0x03, 0x03, 0xe3};
    for (int i = 0; i < WRITES; i++) {
        must(write(connection, data, sizeof data) == (ssize_t)sizeof data, "write");
    }
}

/* A hello that no session has announced, which strict mode stops. */
static void write_hello(void)
{
    struct bytes hello = wr_view(&inner);
    for (int i = 0; i < WRITES; i++) {
        must(write(connection, hello.data, hello.len) == -1, "a hello that must be stopped");
    }
}

static void prepare_connection(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int size = 4 * WRITES * DATA_OCTETS;
    connection = socket(AF_INET, SOCK_STREAM, 0);
    must(getsockname(LISTENER, (struct sockaddr *)&address, &length) == 0, "getsockname");
    must(setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0, "SO_SNDBUF");
    must(connect(connection, (struct sockaddr *)&address, length) == 0, "connect");
}

static void prepare_both(void)
{
    prepare_connection();
    prepare_hello();
}

static int listen_and_run(char **command)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    char port[8];
    int size = 4 * WRITES * DATA_OCTETS;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0, "SO_RCVBUF");
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(listen(fd, 1) == 0 && dup2(fd, LISTENER) == LISTENER, "listen");
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
    must(setenv("ECHSHIM_PORTS", port, 1) == 0, "setenv");
    execvp(command[0], command);
    must(false, command[0]);
    return 1;
}

static const struct thing {
    const char *name;
    void (*prepare)(void);
    void (*run)(void);
    void (*before_each)(void); /* not counted */
} things[] = {
    {"parsed_record", NULL, parse_record, NULL},
    {"sealed_hello", prepare_hello, seal_hello, NULL},
    {"prepared_hello", prepare_hello, seal_hello, prepare_sender},
    {"idle_write", prepare_connection, write_data, NULL},
    {"guarded_write", prepare_connection, write_data, NULL},
    {"stopped_hello", prepare_both, write_hello, NULL},
};

static void counted(void (*run)(void))
{
    CALLGRIND_START_INSTRUMENTATION;
    run();
    CALLGRIND_STOP_INSTRUMENTATION;
}

/* What is done once for a process is not counted. */
static void run_twice(const struct thing *thing)
{
    for (int turn = 0; turn < 2; turn++) {
        if (thing->before_each != NULL) {
            thing->before_each();
        }
        if (turn == 0) {
            thing->run();
        } else {
            counted(thing->run);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "listen") == 0) {
        return listen_and_run(argv + 2);
    }
    for (size_t i = 0; argc == 2 && i < sizeof things / sizeof *things; i++) {
        if (strcmp(argv[1], things[i].name) == 0) {
            if (things[i].prepare != NULL) {
                things[i].prepare();
            }
            run_twice(&things[i]);
            return 0;
        }
    }
    must(false, "no such thing");
    return 1;
}
