/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of 32-bit programs, from a program of 64 bits. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "connects.h"

#if defined(__x86_64__)
static long by_gate(long number, long a, long b, long c)
{
    long result = number;
    __asm__ volatile("pushq %%rbx\n\tmovq %1, %%rbx\n\tint $0x80\n\tpopq %%rbx"
                     : "+a"(result)
                     : "r"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

static void *low_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

int by_int80_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    struct sockaddr_in *address = low_memory();
    *address = server;
    return end_of(fd, by_gate(362, fd, (long)address, sizeof server));
}

int by_int80_socketcall(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    struct {
        uint32_t arguments[3];
        struct sockaddr_in address;
    } *memory = low_memory();
    memory->address = server;
    memory->arguments[0] = (uint32_t)fd;
    memory->arguments[1] = (uint32_t)(uintptr_t)&memory->address;
    memory->arguments[2] = sizeof server;
    return end_of(fd, by_gate(102, 3, (long)memory->arguments, 0));
}

int by_int80_sendmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    struct {
        uint32_t header[7];
        struct sockaddr_in address;
    } *memory = low_memory();
    memory->address = server;
    memory->header[0] = (uint32_t)(uintptr_t)&memory->address;
    memory->header[1] = sizeof server;
    long result = by_gate(370, fd, (long)memory->header, 0);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

int by_x32(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    return end_of(fd, raw(0x40000000 + 42, fd, (long)&server, sizeof server, 0, 0, 0));
}
#endif
