/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connects32 connect|socketcall|unix: a program of 32 bits without a C library. Connects to
 * 127.0.0.1:443 (unix: to a socket that is not there), and ends with the error number.
 */

struct internet {
    unsigned short family;
    unsigned char port[2];
    unsigned char address[4];
    unsigned char zero[8];
};

struct local {
    unsigned short family;
    char path[16];
};

enum { EXIT = 1, SOCKETCALL = 102, SOCKET = 359, CONNECT = 362 };

static int call(int number, int a, int b, int c)
{
    int result = number;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static int connect_by(char way)
{
    struct internet address = {2, {443 >> 8, 443 & 255}, {127, 0, 0, 1}, {0}};
    struct local local = {1, "/nowhere/socket"};
    int fd = call(SOCKET, way == 'u' ? 1 : 2, 1, 0);
    int arguments[3] = {fd, (int)&address, sizeof address};
    switch (way) {
    case 'c':
        return call(CONNECT, fd, (int)&address, sizeof address);
    case 'u':
        return call(CONNECT, fd, (int)&local, sizeof local);
    default:
        return call(SOCKETCALL, 3, (int)arguments, 0);
    }
}

__attribute__((used)) static void begin(const int *stack)
{
    char *const *argv = (char *const *)(stack + 1);
    (void)call(EXIT, -connect_by(stack[0] > 1 ? argv[1][0] : 'c'), 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n"
        "_start:\n"
        "    movl %esp, %eax\n"
        "    andl $-16, %esp\n"
        "    subl $12, %esp\n"
        "    pushl %eax\n"
        "    call begin\n");
