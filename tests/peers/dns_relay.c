/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A relay for DNS over UDP. --delay-ms adds a delay in both directions. For questions of one type
 * (--type), --more-ms holds the answers longer, and --drop N (or "all") drops that many questions.
 * --edns drop drops questions with EDNS; --edns formerr refuses them by a header alone. With --name
 * only questions for that name count for --type; --cut answers these with a bare "too large" (TC).
 */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUESTIONS = 256, MESSAGE = 4096, KEPT_MS = 10000, HEADER = 12 };

struct relay {
    int listener;
    struct sockaddr_in to;
    int64_t delay_ms;
    unsigned type;
    int64_t more_ms;
    long drop;        /* how many more questions of this type to drop; -1: all */
    const char *edns; /* NULL: pass it on */
    const char *name; /* NULL: any */
    bool cut;
};

/* A question under way, and its answer. */
struct question {
    int server; /* -1: this place is free */
    struct sockaddr_in client;
    int64_t born_ms;
    int64_t due_ms; /* 0: nothing to send now */
    bool answered;
    unsigned type;
    size_t length;
    uint8_t message[MESSAGE];
};

static struct question questions[QUESTIONS];

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned type_of(const uint8_t *message, size_t length)
{
    size_t at = HEADER;
    while (at < length && message[at] != 0 && message[at] < 64) {
        at += message[at] + 1U;
    }
    return at + 3 <= length ? (unsigned)message[at + 1] << 8 | message[at + 2] : 0;
}

/* The offset of the end of the question section. */
static size_t question_end(const struct question *question)
{
    size_t at = HEADER;
    while (at < question->length && question->message[at] != 0) {
        at += question->message[at] + 1U;
    }
    return at + 5 < question->length ? at + 5 : question->length;
}

static bool has_additional(const uint8_t *message, size_t length)
{
    return length >= HEADER && (message[10] | message[11]) != 0;
}

/* True: the question is for this name, in any case of letters. */
static bool is_for(const uint8_t *message, size_t length, const char *name)
{
    char asked[256] = "";
    size_t at = HEADER;
    size_t have = 0;
    while (at < length && message[at] != 0 && message[at] < 64 && at + 1 + message[at] <= length &&
           have + message[at] + 2U < sizeof asked) {
        memcpy(asked + have, message + at + 1, message[at]);
        have += message[at];
        asked[have++] = '.';
        at += message[at] + 1U;
    }
    return name == NULL || strcasecmp(asked, name) == 0;
}

/* False: drop the question. */
static bool passes(struct relay *relay, const struct question *question, socklen_t size)
{
    uint8_t answer[HEADER] = {question->message[0], question->message[1], 0x81, 0x81};
    if (relay->edns != NULL && has_additional(question->message, question->length)) {
        if (strcmp(relay->edns, "formerr") == 0) {
            (void)sendto(relay->listener, answer, sizeof answer, 0,
                         (const struct sockaddr *)&question->client, size);
        }
        return false;
    }
    bool chosen =
        question->type == relay->type && is_for(question->message, question->length, relay->name);
    if (chosen && relay->cut) {
        struct question cut = *question;
        cut.message[2] |= 0x82; /* QR, TC */
        cut.message[11] = 0;    /* no OPT */
        (void)sendto(relay->listener, cut.message, question_end(&cut), 0,
                     (const struct sockaddr *)&question->client, size);
        return false;
    }
    if (chosen && relay->drop != 0) {
        relay->drop -= relay->drop > 0 ? 1 : 0;
        return false;
    }
    return true;
}

static struct question *place(void)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (questions[i].server < 0) {
            return &questions[i];
        }
    }
    die("too many questions");
}

static void take_question(struct relay *relay)
{
    struct question *question = place();
    socklen_t size = sizeof question->client;
    ssize_t got = recvfrom(relay->listener, question->message, MESSAGE, 0,
                           (struct sockaddr *)&question->client, &size);
    if (got < 0) {
        return;
    }
    question->length = (size_t)got;
    question->type = type_of(question->message, question->length);
    if (!passes(relay, question, size)) {
        return;
    }
    question->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (question->server < 0 ||
        connect(question->server, (const struct sockaddr *)&relay->to, sizeof relay->to) != 0) {
        die("no way to the server: %s", strerror(errno));
    }
    question->answered = false;
    question->born_ms = now_ms();
    question->due_ms = question->born_ms + relay->delay_ms;
}

static void take_answer(const struct relay *relay, struct question *question)
{
    ssize_t got = recv(question->server, question->message, MESSAGE, 0);
    if (got > 0) {
        question->length = (size_t)got;
        question->answered = true;
        question->due_ms =
            now_ms() + relay->delay_ms + (question->type == relay->type ? relay->more_ms : 0);
    }
}

static void give(const struct relay *relay, struct question *question)
{
    if (question->due_ms != 0 && question->due_ms <= now_ms()) {
        question->due_ms = 0;
        if (!question->answered) {
            (void)send(question->server, question->message, question->length, 0);
            return;
        }
        (void)sendto(relay->listener, question->message, question->length, 0,
                     (const struct sockaddr *)&question->client, sizeof question->client);
        close(question->server);
        question->server = -1;
    } else if (question->due_ms == 0 && now_ms() - question->born_ms > KEPT_MS) {
        close(question->server);
        question->server = -1;
    }
}

static void run(struct relay *relay)
{
    static struct pollfd wait[QUESTIONS + 1];
    for (size_t i = 0; i < QUESTIONS; i++) {
        questions[i].server = -1;
    }
    for (;;) {
        int64_t next = INT_MAX;
        wait[QUESTIONS] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
        for (size_t i = 0; i < QUESTIONS; i++) {
            const struct question *question = &questions[i];
            wait[i] = (struct pollfd){.fd = question->due_ms == 0 ? question->server : -1,
                                      .events = POLLIN};
            if (question->server >= 0 && question->due_ms != 0 &&
                question->due_ms - now_ms() < next) {
                next = question->due_ms - now_ms();
            }
        }
        (void)poll(wait, QUESTIONS + 1, next == INT_MAX ? KEPT_MS : (int)(next > 0 ? next : 0));
        for (size_t i = 0; i < QUESTIONS; i++) {
            if (questions[i].server >= 0 && (wait[i].revents & POLLIN) != 0) {
                take_answer(relay, &questions[i]);
            }
            if (questions[i].server >= 0) {
                give(relay, &questions[i]);
            }
        }
        if ((wait[QUESTIONS].revents & POLLIN) != 0) {
            take_question(relay);
        }
    }
}

static struct sockaddr_in address_of(const char *where)
{
    char host[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strchr(where, ':');
    if (colon == NULL || (size_t)(colon - where) >= sizeof host) {
        die("%s: not ADDRESS:PORT", where);
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        die("%s: not ADDRESS:PORT", where);
    }
    return address;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"listen", 1, NULL, 'l'}, {"to", 1, NULL, 't'},      {"delay-ms", 1, NULL, 'd'},
        {"type", 1, NULL, 'y'},   {"more-ms", 1, NULL, 'm'}, {"drop", 1, NULL, 'x'},
        {"edns", 1, NULL, 'e'},   {"name", 1, NULL, 'n'},    {"cut", 0, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    struct relay relay = {.listener = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const char *where = NULL;
    const char *to = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'l':
            where = optarg;
            break;
        case 't':
            to = optarg;
            break;
        case 'd':
            relay.delay_ms = atoi(optarg);
            break;
        case 'y':
            relay.type = (unsigned)atoi(optarg);
            break;
        case 'm':
            relay.more_ms = atoi(optarg);
            break;
        case 'x':
            relay.drop = strcmp(optarg, "all") == 0 ? -1 : atol(optarg);
            break;
        case 'e':
            relay.edns = optarg;
            break;
        case 'n':
            relay.name = optarg;
            break;
        case 'c':
            relay.cut = true;
            break;
        default:
            where = NULL;
            optind = argc + 1;
            break;
        }
    }
    if (where == NULL || to == NULL || optind != argc) {
        die("usage: dns_relay --listen ADDRESS:PORT --to ADDRESS:PORT [--delay-ms N] [--type N "
            "[--name NAME.] [--more-ms N] [--drop N] [--cut]] [--edns drop|formerr]");
    }
    struct sockaddr_in address = address_of(where);
    relay.to = address_of(to);
    if (relay.listener < 0 ||
        bind(relay.listener, (const struct sockaddr *)&address, sizeof address) != 0) {
        die("%s: %s", where, strerror(errno));
    }
    printf("listening %s\n", where);
    fflush(stdout);
    run(&relay);
}
