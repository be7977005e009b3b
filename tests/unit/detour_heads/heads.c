/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions like those of libssl that get detours, compiled with many flags (make.sh). Each must
 * have a plan (tests/unit/test_detour_heads.c). Nothing runs them.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ssl;
struct context;

struct method {
    int version;
    int (*connect)(struct ssl *ssl);
    int (*read)(struct ssl *ssl, void *data, size_t length, size_t *got);
    int (*write)(struct ssl *ssl, const void *data, size_t length, size_t *sent);
    long (*control)(struct ssl *ssl, int command, long number, void *pointer);
};

struct ssl {
    int version;
    const struct method *method;
    void *rbio;
    void *wbio;
    void *bbio;
    int state;
    int (*handshake)(struct ssl *ssl);
    void (*info)(const struct ssl *ssl, int where, int code);
    struct context *context;
    uint64_t options;
    unsigned char random[32];
    double seconds;
};

struct arguments {
    struct ssl *ssl;
    void *data;
    size_t length;
    int kind;
    union {
        int (*read)(struct ssl *ssl, void *data, size_t length, size_t *got);
        int (*other)(struct ssl *ssl);
    } call;
};

void *other_new(size_t size);
void other_free(void *pointer);
void other_error(int line, const char *function, const char *format, ...);
int other_run(int *result, int (*call)(void *arguments), const void *arguments, size_t size);
void *other_next(void *bio);
void other_use(void *data, size_t length);
_Noreturn void other_end(void);

static atomic_ulong calls;
static _Thread_local unsigned calls_of_thread;
_Thread_local void *shared_of_thread;
static const char *const names[] = {"before", "start", "middle", "end"};
extern int other_number;

/* ---- short ones ---- */

void *get_rbio(const struct ssl *ssl)
{
    return ssl->rbio;
}

void *get_wbio(const struct ssl *ssl)
{
    return ssl->bbio != NULL ? other_next(ssl->bbio) : ssl->wbio;
}

void set_info_callback(struct ssl *ssl, void (*info)(const struct ssl *ssl, int where, int code))
{
    ssl->info = info;
}

int get_number(void)
{
    return other_number;
}

const char *get_name(unsigned which)
{
    return which < 4 ? names[which] : "unknown";
}

double get_seconds(const struct ssl *ssl, double factor)
{
    return ssl->seconds * factor + 0.5;
}

uint32_t get_options(const struct ssl *ssl, uint32_t mask)
{
    return (uint32_t)(ssl->options ^ mask) * 3;
}

/* ---- longer ones ---- */

static int by_job(void *arguments)
{
    const struct arguments *given = arguments;
    return given->call.other(given->ssl);
}

int do_handshake(struct ssl *ssl)
{
    int result = 1;
    if (ssl->handshake == NULL) {
        other_error(__LINE__, __func__, NULL);
        return -1;
    }
    (void)ssl->method->control(ssl, 1, 0, NULL);
    if (ssl->state > 2 && other_number != 0) {
        struct arguments arguments;
        memset(&arguments, 0, sizeof arguments);
        arguments.ssl = ssl;
        arguments.call.other = ssl->handshake;
        return other_run(&result, by_job, &arguments, sizeof arguments);
    }
    return ssl->handshake(ssl);
}

int start(struct ssl *ssl)
{
    if (ssl->handshake == NULL) {
        ssl->state = 1;
        ssl->handshake = ssl->method->connect;
        memset(ssl->random, 0, sizeof ssl->random);
    }
    return do_handshake(ssl);
}

int read_ex(struct ssl *ssl, void *data, size_t length, size_t *got)
{
    if (ssl->handshake == NULL) {
        other_error(__LINE__, __func__, "%d", ssl->state);
        return -1;
    }
    return ssl->method->read(ssl, data, length, got) > 0;
}

int read_some(struct ssl *ssl, void *data, int length)
{
    size_t got = 0;
    if (length < 0) {
        other_error(__LINE__, __func__, NULL);
        return -1;
    }
    return read_ex(ssl, data, (size_t)length, &got) > 0 ? (int)got : -1;
}

int write_early(struct ssl *ssl, const void *data, size_t length, size_t *sent)
{
    int old;
    switch (ssl->state) {
    case 0:
        if (ssl->context == NULL) {
            return 0;
        }
        /* fall through */
    case 1:
        old = ssl->state;
        ssl->state = 5;
        if (start(ssl) <= 0) {
            ssl->state = old;
            return 0;
        }
        /* fall through */
    case 2:
        return ssl->method->write(ssl, data, length, sent);
    case 3:
        other_use(ssl, 3);
        return -3;
    case 4:
        other_use(ssl, 4);
        return 4;
    case 5:
        other_use(ssl, 6);
        return 17;
    default:
        other_error(__LINE__, __func__, NULL);
        return 0;
    }
}

int set_fd(struct ssl *ssl, int fd)
{
    void *bio = other_new(sizeof *ssl);
    if (bio == NULL) {
        other_error(__LINE__, __func__, NULL);
        return 0;
    }
    memcpy(bio, &fd, sizeof fd);
    ssl->rbio = bio;
    ssl->wbio = bio;
    return 1;
}

void set_bio(struct ssl *ssl, void *rbio, void *wbio)
{
    if (rbio == ssl->rbio && wbio == get_wbio(ssl)) {
        return;
    }
    if (rbio != NULL && rbio == wbio) {
        atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    }
    other_free(ssl->rbio);
    other_free(ssl->wbio);
    ssl->rbio = rbio;
    ssl->wbio = wbio;
}

struct ssl *duplicate(const struct ssl *from)
{
    struct ssl *to = other_new(sizeof *to);
    if (to == NULL) {
        return NULL;
    }
    *to = *from;
    for (size_t i = 0; i < sizeof to->random; i++) {
        to->random[i] ^= (unsigned char)i;
    }
    return to;
}

/* Arguments on the stack, and a tail call. */
int add_extension(struct context *context, unsigned type, unsigned where, void *add, void *release,
                  void *argument, void *parse, void *parse_argument);
int add_extension(struct context *context, unsigned type, unsigned where, void *add, void *release,
                  void *argument, void *parse, void *parse_argument)
{
    if (type == 18 && add != NULL && argument == parse_argument) {
        return 0;
    }
    other_use(release, where);
    return other_run((int *)argument, (int (*)(void *))parse, context, type);
}

int add_client_extension(struct context *context, unsigned type, void *add, void *release,
                         void *argument, void *parse, void *parse_argument)
{
    return add_extension(context, type, 0x80, add, release, argument, parse, parse_argument);
}

/* ---- what else functions begin with ---- */

void count_call(void)
{
    atomic_fetch_add(&calls, 1);
}

unsigned count_of_thread(void)
{
    return ++calls_of_thread;
}

void *of_thread(void)
{
    return shared_of_thread;
}

void say(int level, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    other_use((void *)(uintptr_t)format, (size_t)(level + va_arg(list, int)));
    va_end(list);
}

/* A frame of more than a page. */
int large_frame(const struct ssl *ssl)
{
    unsigned char octets[9000];
    other_use(octets, sizeof octets);
    return octets[ssl->state];
}

int any_frame(size_t length)
{
    unsigned char octets[length];
    other_use(octets, length);
    return octets[0];
}

/* A loop at once, though not to the first instruction. */
size_t length_of(const char *text)
{
    size_t length = 0;
    other_use(NULL, 0);
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

void never_back(struct ssl *ssl)
{
    if (ssl->state == 7) {
        other_end();
    }
    other_use(ssl, 1);
    other_end();
}
