/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the calls that a detour in a Go program makes (tools/echshim/go/ask.h), without Go. Each
 * argument is WAY:NAME; prints it with what came of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/ask.h"

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Do the descriptors lie in connections of another type? */
static bool wrapped;

static long call_over(int fd, long name, uint32_t what, size_t length, long fifth, uint64_t sixth)
{
    uint32_t number = (uint32_t)(fd + 1) | (wrapped ? GO_ASK_WRAPPED : 0);
    uint64_t socket = (uint64_t)number << 32 | UINT32_MAX;
    long result = syscall(SYS_connect, socket, name, what, length, fifth, sixth);
    return result < 0 ? -errno : result;
}

static long call(long name, uint32_t what, size_t length, long fifth, uint64_t sixth)
{
    return call_over(-1, name, what, length, fifth, sixth);
}

/* Asks again as the detour does. */
static long ask_with(long name, size_t length, uint64_t flags, uint8_t *buffer, size_t size)
{
    long result;
    do {
        result = call(name, GO_ASK, length, (long)buffer, flags << 32 | size);
    } while (result == -EAGAIN);
    return result;
}

static long ask(const char *name, uint64_t flags)
{
    uint8_t buffer[GO_ASK_BUFFER] = {0};
    long result = ask_with((long)name, strlen(name), flags, buffer, sizeof buffer);
    if (result > 0 && (buffer[0] << 8 | buffer[1]) != result - 2) {
        return -EBADMSG;
    }
    return result;
}

/* ---- many at once ---- */

enum { THREADS = 64, EACH = 157 };

static void *ask_often(void *name)
{
    long good = 0;
    for (int i = 0; i < EACH; i++) {
        good += ask(name, 0) > 0;
        call((long)name, GO_TELL, strlen(name), GO_TELL_ACCEPTED, 0);
    }
    return (void *)good;
}

static long ask_many(char *name)
{
    pthread_t threads[THREADS];
    long good = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, ask_often, name);
    }
    for (int i = 0; i < THREADS; i++) {
        void *part;
        pthread_join(threads[i], &part);
        good += (long)part;
    }
    return good == (long)THREADS * EACH;
}

/* ---- a slow look-up beside other calls ---- */

static void *ask_once(void *name)
{
    return (void *)ask(name, 0);
}

/* The longest of some connects while a look-up is going on. */
static long beside(char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
    pthread_t thread;
    uint64_t longest = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_create(&thread, NULL, ask_once, name);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        uint64_t start = now_ms();
        (void)connect(fd, (const struct sockaddr *)&address, sizeof address);
        uint64_t took = now_ms() - start;
        longest = took > longest ? took : longest;
        close(fd);
        usleep(10000);
    }
    pthread_join(thread, NULL);
    return longest < 100;
}

/* ---- processes ---- */

static long in_child(const char *name)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(ask(name, 0) > 0 ? 7 : 1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Processes that end while they ask, and one that asks afterwards. */
static long dying(const char *name)
{
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            (void)ask(name, 0);
            _exit(0);
        }
        usleep(500);
        kill(child, 9);
        waitpid(child, NULL, 0);
    }
    return ask(name, 0);
}

/* ---- a detour in the process ---- */

/* Connects to this machine with a page like that of a detour; its pass is the right one, or has a
 * wrong octet. Gives the descriptor. */
static int open_marked(bool right, int type, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port))};
    struct shim_supervision supervision;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!shim_supervision_parse(getenv("ECHSHIM_SUPERVISOR"), &supervision)) {
        return -EINVAL;
    }
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, GO_DETOUR_MARK, GO_DETOUR_MARK_SIZE);
    memcpy(page + GO_DETOUR_MARK_SIZE, &supervision.pass, sizeof supervision.pass);
    page[GO_DETOUR_MARK_SIZE] ^= !right;
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    int fd = socket(AF_INET, type, 0);
    int result = syscall(SYS_connect, fd, &address, sizeof address) == 0 ? fd : -errno;
    munmap(page, 4096);
    return result;
}

static long connect_marked(bool right)
{
    int fd = open_marked(right, SOCK_STREAM, "443");
    return fd < 0 ? fd : close(fd);
}

/* ---- the connection of a handshake ---- */

/* Asks for a handshake over this descriptor, and tells that it was accepted if a list was given. */
static long handshake_over(int fd, const char *name)
{
    uint8_t buffer[GO_ASK_BUFFER];
    long result;
    do {
        result = call_over(fd, (long)name, GO_ASK, strlen(name), (long)buffer, sizeof buffer);
    } while (result == -EAGAIN);
    if (result > 0) {
        call_over(fd, (long)name, GO_TELL, strlen(name), GO_TELL_ACCEPTED, 0);
    }
    return result;
}

/* KIND-PORT. */
static long ask_over(const char *kind, const char *name)
{
    const char *port = strrchr(kind, '-');
    int type = strncmp(kind, "datagram", 8) == 0 ? SOCK_DGRAM : SOCK_STREAM;
    int fd = strncmp(kind, "file", 4) == 0 ? open("/dev/null", O_RDWR | O_CLOEXEC)
                                           : open_marked(true, type, port + 1);
    if (fd < 0) {
        return fd;
    }
    wrapped = strstr(kind, "wrapped") != NULL;
    if (strncmp(kind, "used", 4) == 0 && write(fd, "C", 1) != 1) {
        return -errno;
    }
    if (strncmp(kind, "closed", 6) == 0) {
        close(fd);
    }
    int last = strncmp(kind, "last", 4) == 0 ? INT_MAX - 1 : fd;
    long result = handshake_over(last, name);
    wrapped = false;
    close(fd);
    return result;
}

/* ---- a resolver of its own ---- */

static size_t write_query(const char *name, uint8_t query[512])
{
    static const uint8_t header[12] = {0x12, 0x34, 1, 0, 0, 1};
    size_t at = sizeof header;
    memcpy(query, header, sizeof header);
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        query[at++] = (uint8_t)length;
        memcpy(query + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    memcpy(query + at, (uint8_t[]){0, 0, 1, 0, 1}, 5);
    return at + 5;
}

/* The code of the response (RFC 1035, 4.1.1) and 100 for each answer; an error is negative. */
static long resolve(const char *name, int type, const char *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    struct timeval limit = {.tv_sec = 5};
    uint8_t message[2 + 512];
    size_t length = write_query(name, message + 2);
    size_t prefix = type == SOCK_STREAM ? 2 : 0;
    message[0] = (uint8_t)(length >> 8);
    message[1] = (uint8_t)length;
    int fd = socket(AF_INET, type, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    inet_pton(AF_INET, server, &address.sin_addr);
    if (syscall(SYS_connect, fd, &address, sizeof address) != 0 ||
        write(fd, message + 2 - prefix, length + prefix) != (ssize_t)(length + prefix)) {
        return -errno;
    }
    usleep(type == SOCK_STREAM ? 200000 : 0);
    ssize_t count = read(fd, message, sizeof message);
    close(fd);
    if (count < (ssize_t)(prefix + 12) || message[prefix] != 0x12) {
        return -EBADMSG;
    }
    return (message[prefix + 3] & 0xf) + 100 * message[prefix + 7];
}

static long run(const char *way, char *name)
{
    static uint8_t small[8];
    if (strcmp(way, "ask") == 0) {
        return ask(name, 0);
    }
    if (strchr(way, '-') != NULL) {
        return ask_over(way, name);
    }
    if (strcmp(way, "own") == 0) {
        return ask(name, GO_ASK_OWN_LIST);
    }
    if (strcmp(way, "old") == 0) {
        return ask(name, GO_ASK_OLD_ONLY);
    }
    if (strcmp(way, "accepted") == 0 || strcmp(way, "rejected") == 0) {
        return call((long)name, GO_TELL, strlen(name),
                    strcmp(way, "accepted") == 0 ? GO_TELL_ACCEPTED : GO_TELL_REJECTED, 0);
    }
    if (strcmp(way, "small") == 0) {
        return ask_with((long)name, strlen(name), 0, small, sizeof small);
    }
    if (strcmp(way, "nul") == 0) {
        return ask_with((long)"a\0b.example", 11, 0, small, sizeof small);
    }
    if (strcmp(way, "long") == 0) {
        return ask_with((long)name, UINT32_MAX, 0, small, sizeof small);
    }
    if (strcmp(way, "nowhere") == 0) {
        return ask_with(8, 20, 0, small, sizeof small);
    }
    if (strcmp(way, "unwritable") == 0) {
        return ask_with((long)name, strlen(name), 0, NULL, GO_ASK_BUFFER);
    }
    if (strcmp(way, "many") == 0) {
        return ask_many(name);
    }
    if (strcmp(way, "beside") == 0) {
        return beside(name);
    }
    if (strcmp(way, "fork") == 0) {
        return in_child(name);
    }
    if (strcmp(way, "dying") == 0) {
        return dying(name);
    }
    if (strcmp(way, "udp") == 0 || strcmp(way, "tcp") == 0) {
        return resolve(name, strcmp(way, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM, "127.0.0.9");
    }
    if (strcmp(way, "connect") == 0) {
        return connect_marked(strcmp(name, "right") == 0);
    }
    if (strcmp(way, "kill") == 0) {
        return kill(atoi(strchr(getenv("ECHSHIM_SUPERVISOR"), ':') + 1), 9) + usleep(100000);
    }
    return -EINVAL;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *name = strchr(argv[i], ':');
        printf("%s ", argv[i]);
        *name++ = '\0';
        printf("%ld\n", run(argv[i], name));
        fflush(stdout);
    }
    return 0;
}
