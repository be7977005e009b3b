/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An allocator whose first malloc prints something under its lock, as jemalloc does about wrong
 * settings. Whoever asks it for memory meanwhile would wait for ever; exit status 97 says so. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIZE = 1 << 30, UNIT = 16 };

static unsigned char *memory;
static atomic_size_t used;
static atomic_int begun;
static __thread int locked __attribute__((tls_model("initial-exec")));

static void speak(void)
{
    struct iovec part = {.iov_base = "allocator\n", .iov_len = 10};
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const struct sockaddr address = {.sa_family = AF_UNSPEC};
    (void)!write(STDERR_FILENO, "allocator\n", 10);
    (void)!writev(STDERR_FILENO, &part, 1);
    (void)send(-1, "", 0, 0);
    (void)sendmsg(-1, &message, 0);
    (void)connect(-1, &address, sizeof address);
#if __GLIBC_PREREQ(2, 34) /* before, dlsym itself asks for memory */
    (void)dlsym(RTLD_NEXT, "write");
    (void)dlsym(RTLD_DEFAULT, "connect");
#endif
}

static void *take(size_t size)
{
    if (locked) {
        _exit(97);
    }
    if (atomic_exchange(&begun, 1) == 0) {
        memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        locked = 1;
        speak();
        locked = 0;
    }
    size = (size + 2 * UNIT - 1) / UNIT * UNIT;
    size_t at = atomic_fetch_add(&used, size);
    if (memory == NULL || at + size > SIZE) {
        return NULL;
    }
    *(size_t *)(void *)(memory + at) = size - UNIT;
    return memory + at + UNIT;
}

void *malloc(size_t size)
{
    return take(size);
}

void *calloc(size_t count, size_t size)
{
    return take(count * size);
}

void free(void *old)
{
    (void)old;
}

void *realloc(void *old, size_t size)
{
    void *fresh = take(size);
    if (old != NULL && fresh != NULL) {
        size_t had = *(size_t *)(void *)((unsigned char *)old - UNIT);
        memcpy(fresh, old, had < size ? had : size);
    }
    return fresh;
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    unsigned char *octets = take(size + alignment);
    size_t over = octets != NULL ? (size_t)octets % alignment : 0;
    unsigned char *fit = over != 0 ? octets + alignment - over : octets;
    if (fit != NULL && fit != octets) {
        *(size_t *)(void *)(fit - UNIT) = size;
    }
    return fit;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = memalign(alignment, size);
    return *out != NULL ? 0 : 12;
}
