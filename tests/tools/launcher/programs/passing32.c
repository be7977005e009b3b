/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * passing32: a program of 32 bits without a C library, with the instruction by which the stub makes
 * its calls (shim/common/passing_call.c). Connects to 127.0.0.1:443 without the pass, with it, and
 * without it again, and sends a datagram there in both ways. Exit status: 0, or which of these had
 * another end than it should.
 */
#include "shim/common/passing_call.h"

struct internet {
    unsigned short family;
    unsigned char port[2];
    unsigned char address[4];
    unsigned char zero[8];
};

struct part {
    const void *octets;
    unsigned length;
};

struct message {
    const void *name;
    unsigned name_length;
    const struct part *parts;
    unsigned part_count;
    const void *control;
    unsigned control_length;
    unsigned flags;
};

enum { EXIT = 1, SOCKET = 359, CONNECT = 362, SENDMSG = 370, REFUSED = -13 };

static int call(int number, int a, int b, int c)
{
    int result = number;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

/* The pass is the first value of ECHSHIM_SUPERVISOR, in hexadecimal digits. */
static int read_pass(char *const *environment, struct shim_pass *pass)
{
    static const char name[] = "ECHSHIM_SUPERVISOR=";
    for (; *environment != 0; environment++) {
        unsigned at = 0;
        while (name[at] != '\0' && (*environment)[at] == name[at]) {
            at++;
        }
        for (unsigned i = 0; name[at] == '\0' && i < 32; i++) {
            char digit = (*environment)[at + i];
            uint64_t *word = &pass->words[i / 16];
            *word = *word << 4 | (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        }
        if (name[at] == '\0') {
            return 1;
        }
    }
    return 0;
}

static int try_all(char *const *environment)
{
    struct shim_pass pass = {{0, 0}};
    struct internet server = {2, {443 >> 8, 443 & 255}, {127, 0, 0, 1}, {0}};
    struct part part = {"octets", 6};
    struct message message = {&server, sizeof server, &part, 1, 0, 0, 0};
    int stream = call(SOCKET, 2, 1, 0);
    int datagrams = call(SOCKET, 2, 2, 0);
    int wrong = 0;
    if (!read_pass(environment, &pass)) {
        return 64;
    }
    wrong |= call(CONNECT, stream, (int)&server, sizeof server) != REFUSED ? 1 : 0;
    wrong |=
        shim_passing_call(&pass, CONNECT, stream, (long)&server, sizeof server, 0) != 0 ? 2 : 0;
    stream = call(SOCKET, 2, 1, 0);
    wrong |= call(CONNECT, stream, (int)&server, sizeof server) != REFUSED ? 4 : 0;
    wrong |= call(SENDMSG, datagrams, (int)&message, 0) != REFUSED ? 8 : 0;
    wrong |= shim_passing_call(&pass, SENDMSG, datagrams, (long)&message, 0, 0) != 6 ? 16 : 0;
    pass.words[1] ^= 1;
    wrong |= shim_passing_call(&pass, CONNECT, stream, (long)&server, sizeof server, 0) != REFUSED
                 ? 32
                 : 0;
    return wrong;
}

__attribute__((used)) static void begin(const int *stack)
{
    char *const *argv = (char *const *)(stack + 1);
    (void)call(EXIT, try_all(argv + stack[0] + 1), 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n"
        "_start:\n"
        "    movl %esp, %eax\n"
        "    andl $-16, %esp\n"
        "    subl $12, %esp\n"
        "    pushl %eax\n"
        "    call begin\n");
