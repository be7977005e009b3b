/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolves the given names in every way that the C library has, and prints the results: the same
 * under the shim as without it. The first argument selects the ways. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME_THREADS = 8, ROUNDS = 20, NAMES = 32, TEXT = 65536 };

/* The output of a thread or a child; printed whole. */
struct text {
    size_t length;
    char octets[TEXT];
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(text->octets + text->length, TEXT - text->length, format, arguments);
    va_end(arguments);
    text->length += (size_t)wrote;
    if (text->length >= TEXT) {
        fail("too much to say");
    }
}

static const char *word_of(int error)
{
    switch (error) {
    case 0:
        return "ok";
    case EAI_NONAME:
        return "NONAME";
    case EAI_NODATA:
        return "NODATA";
    case EAI_AGAIN:
        return "AGAIN";
    case EAI_FAIL:
        return "FAIL";
    case EAI_FAMILY:
        return "FAMILY";
    case EAI_SOCKTYPE:
        return "SOCKTYPE";
    case EAI_SERVICE:
        return "SERVICE";
    case EAI_BADFLAGS:
        return "BADFLAGS";
    case EAI_ADDRFAMILY:
        return "ADDRFAMILY";
    case EAI_INPROGRESS:
        return "INPROGRESS";
    case EAI_IDN_ENCODE:
        return "IDN_ENCODE";
    case EAI_SYSTEM:
        return "SYSTEM";
    default:
        return "other";
    }
}

static void say_list(struct text *text, const struct addrinfo *list)
{
    for (const struct addrinfo *address = list; address != NULL; address = address->ai_next) {
        char host[NI_MAXHOST] = "?";
        char port[NI_MAXSERV] = "?";
        getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        say(text, "    %s %s type %d protocol %d flags %x length %u%s%s\n", host, port,
            address->ai_socktype, address->ai_protocol, (unsigned)address->ai_flags,
            (unsigned)address->ai_addrlen, address->ai_canonname != NULL ? " canonical " : "",
            address->ai_canonname != NULL ? address->ai_canonname : "");
    }
}

static void ask_info(struct text *text, const char *name, const char *service,
                     const struct addrinfo *hints)
{
    struct addrinfo *list = NULL;
    int error = getaddrinfo(name, service, hints, &list);
    say(text, "  %s %s family %d type %d flags %x: %s\n", name != NULL ? name : "(none)",
        service != NULL ? service : "(none)", hints != NULL ? hints->ai_family : -1,
        hints != NULL ? hints->ai_socktype : -1, hints != NULL ? (unsigned)hints->ai_flags : 0,
        word_of(error));
    if (error == 0) {
        say_list(text, list);
        freeaddrinfo(list);
    }
}

/* ---- the ways to ask for a name ---- */

static void way_info(struct text *text, const char *name)
{
    static const int flags[] = {0,
                                AI_CANONNAME,
                                AI_ADDRCONFIG,
                                AI_V4MAPPED,
                                AI_V4MAPPED | AI_ALL,
                                AI_PASSIVE,
                                AI_NUMERICHOST,
                                AI_CANONNAME | AI_ADDRCONFIG | AI_V4MAPPED,
                                AI_IDN,
                                AI_IDN | AI_CANONNAME | AI_CANONIDN,
                                AI_NUMERICSERV,
                                0x8000};
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX};
    static const char *const services[] = {NULL, "443", "https", "nosuchservice"};
    static const int types[] = {0, SOCK_STREAM, SOCK_DGRAM, 77};
    ask_info(text, name, "443", NULL);
    for (size_t flag = 0; flag < sizeof flags / sizeof *flags; flag++) {
        for (size_t family = 0; family < 4; family++) {
            struct addrinfo hints = {
                .ai_flags = flags[flag], .ai_family = families[family], .ai_socktype = SOCK_STREAM};
            ask_info(text, name, "443", &hints);
        }
    }
    for (size_t service = 0; service < 4; service++) {
        for (size_t type = 0; type < 4; type++) {
            struct addrinfo hints = {.ai_socktype = types[type]};
            ask_info(text, name, services[service], &hints);
        }
    }
}

static void say_host(struct text *text, const char *how, const char *name,
                     const struct hostent *host, int error)
{
    say(text, "  %s %s: ", how, name);
    if (host == NULL) {
        say(text, "error %d\n", error);
        return;
    }
    say(text, "%s family %d length %d aliases", host->h_name, host->h_addrtype, host->h_length);
    for (char **alias = host->h_aliases; *alias != NULL; alias++) {
        say(text, " %s", *alias);
    }
    for (char **address = host->h_addr_list; *address != NULL; address++) {
        char octets[INET6_ADDRSTRLEN];
        say(text, " %s", inet_ntop(host->h_addrtype, *address, octets, sizeof octets));
    }
    say(text, "\n");
}

/* With buffers that grow octet by octet until the answer fits. */
static void ask_reentrant(struct text *text, const char *name, int family)
{
    struct hostent entry;
    struct hostent *host = NULL;
    int error = 0;
    int result = ERANGE;
    char *buffer = NULL;
    for (size_t size = 1; result == ERANGE && size < 8192; size += 37) {
        free(buffer);
        buffer = malloc(size);
        result = family == 0 ? gethostbyname_r(name, &entry, buffer, size, &host, &error)
                             : gethostbyname2_r(name, family, &entry, buffer, size, &host, &error);
    }
    say_host(text, family == 0 ? "gethostbyname_r" : "gethostbyname2_r", name, host, error);
    free(buffer);
}

static void way_host(struct text *text, const char *name)
{
    ask_reentrant(text, name, 0);
    ask_reentrant(text, name, AF_INET);
    ask_reentrant(text, name, AF_INET6);
}

/* These share a buffer: for one thread only. */
static void way_old(struct text *text, const char *name)
{
    struct hostent *host = gethostbyname(name);
    say_host(text, "gethostbyname", name, host, h_errno);
    host = gethostbyname2(name, AF_INET6);
    say_host(text, "gethostbyname2", name, host, h_errno);
}

static void ask_list(struct text *text, int mode, char **names, int count)
{
    struct gaicb requests[NAMES] = {0};
    struct gaicb *list[NAMES] = {0};
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    for (int i = 0; i < count; i++) {
        requests[i] =
            (struct gaicb){.ar_name = names[i], .ar_service = "443", .ar_request = &hints};
        list[i] = &requests[i];
    }
    int error = getaddrinfo_a(mode, list, count, NULL);
    say(text, "  getaddrinfo_a of %d: %s\n", count, word_of(error));
    for (int i = 0; i < count; i++) {
        while (gai_error(list[i]) == EAI_INPROGRESS) {
            const struct gaicb *const wait[] = {list[i]};
            gai_suspend(wait, 1, NULL);
        }
        say(text, "  %s: %s\n", names[i], word_of(gai_error(list[i])));
        if (gai_error(list[i]) == 0) {
            say_list(text, requests[i].ar_result);
            freeaddrinfo(requests[i].ar_result);
        }
    }
}

static void way_list(struct text *text, char **names, int count)
{
    ask_list(text, GAI_WAIT, names, count);
    ask_list(text, GAI_NOWAIT, names, count);
}

/* ---- threads, and the child of a fork ---- */

struct job {
    char **names;
    int count;
    struct text text;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    for (int round = 0; round < ROUNDS; round++) {
        job->text.length = 0;
        for (int i = 0; i < job->count; i++) {
            const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
            ask_info(&job->text, job->names[i], "443", &hints);
            ask_reentrant(&job->text, job->names[i], AF_INET);
        }
    }
    return NULL;
}

/* All threads must give the same output. */
static void way_threads(struct text *text, char **names, int count)
{
    static struct job jobs[NAME_THREADS];
    pthread_t threads[NAME_THREADS];
    for (int i = 0; i < NAME_THREADS; i++) {
        jobs[i] = (struct job){.names = names, .count = count};
        if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < NAME_THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (strcmp(jobs[i].text.octets, jobs[0].text.octets) != 0) {
            fail("threads differ: %s against %s", jobs[i].text.octets, jobs[0].text.octets);
        }
    }
    say(text, "%s", jobs[0].text.octets);
}

static void way_fork(struct text *text, char **names, int count)
{
    int ends[2];
    static struct job job;
    job = (struct job){.names = names, .count = count};
    (void)run_job(&job);
    if (pipe(ends) != 0) {
        fail("pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        (void)run_job(&job);
        dprintf(ends[1], "%s", job.text.octets);
        _exit(0);
    }
    close(ends[1]);
    static struct text said;
    ssize_t got;
    while ((got = read(ends[0], said.octets + said.length, TEXT - 1 - said.length)) > 0) {
        said.length += (size_t)got;
    }
    int status = 0;
    waitpid(child, &status, 0);
    (void)run_job(&job);
    if (status != 0 || strcmp(said.octets, job.text.octets) != 0) {
        fail("the child (status %d) says %s, its parent %s", status, said.octets, job.text.octets);
    }
    say(text, "%s", said.octets);
}

/* Resolves and counts the descriptors that are left. */
static void way_descriptors(struct text *text, char **names, int count)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < count; i++) {
            struct addrinfo *list = NULL;
            if (getaddrinfo(names[i], "443", NULL, &list) == 0) {
                freeaddrinfo(list);
            }
        }
    }
    int open_ones = 0;
    for (int fd = 3; fd < 1024; fd++) {
        open_ones += dup2(fd, fd) == fd ? 1 : 0;
    }
    say(text, "%d descriptors\n", open_ones);
}

int main(int argc, char **argv)
{
    static struct text text;
    static const struct {
        const char *name;
        void (*one)(struct text *, const char *);
        void (*all)(struct text *, char **, int);
    } ways[] = {
        {"info", way_info, NULL},
        {"host", way_host, NULL},
        {"old", way_old, NULL},
        {"list", NULL, way_list},
        {"threads", NULL, way_threads},
        {"fork", NULL, way_fork},
        {"descriptors", NULL, way_descriptors},
    };
    if (argc < 3 || argc > 2 + NAMES) {
        fail("usage: names_client WAY NAME...");
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(argv[1], ways[i].name) != 0) {
            continue;
        }
        if (ways[i].all != NULL) {
            ways[i].all(&text, argv + 2, argc - 2);
        }
        for (int at = 2; ways[i].one != NULL && at < argc; at++) {
            ways[i].one(&text, argv[at]);
            fputs(text.octets, stdout);
            text.length = 0;
        }
        fputs(text.octets, stdout);
        return 0;
    }
    fail("%s is no way", argv[1]);
}
