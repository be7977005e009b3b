/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that contain OpenSSL and export it, each with something that makes a detour hard or
 * impossible. The macros ODD_... select what. SSL_set_quic_method is a function of BoringSSL and
 * quictls that OpenSSL does not have, so the program may define it as it likes.
 */
#include <stddef.h>

#define EXPORT __attribute__((visibility("default"), used))

#define FUNCTION(name, octets)                                                                     \
    __asm__(".text\n.balign 16\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" octets \
            ".size " #name ", . - " #name "\n")

#if defined(ODD_DATA)
EXPORT int SSL_set_quic_method = 1;
#elif defined(ODD_IFUNC)
static int quic_method(void *ssl, const void *method)
{
    return ssl != NULL && method != NULL;
}

static int (*choose(void))(void *, const void *)
{
    return quic_method;
}

EXPORT int SSL_set_quic_method(void *ssl, const void *method) __attribute__((ifunc("choose")));
#elif defined(ODD_SHORT)
/* The next function follows at once. */
FUNCTION(SSL_set_quic_method, "xorl %eax, %eax\nret\n");
__asm__("incl %eax\nret\n");
#elif defined(ODD_PADDED)
FUNCTION(SSL_set_quic_method, "xorl %eax, %eax\nret\n");
__asm__(".balign 16\n");
#elif defined(ODD_LOOP)
FUNCTION(SSL_set_quic_method, "xorl %eax, %eax\n1: incl %eax\ntestq %rdi, %rdi\njne 1b\nret\n");
#elif defined(ODD_START)
FUNCTION(SSL_set_quic_method, "cpuid\nxorl %eax, %eax\nnop\nnop\nret\n");
#elif defined(ODD_BREAKPOINT)
/* As a debugger sets one. */
FUNCTION(SSL_set_quic_method, "int3\nxorl %eax, %eax\nnop\nnop\nnop\nret\n");
#elif defined(ODD_ALIAS)
/* Weak, because OpenSSL 3.5 and later have the second name. */
FUNCTION(SSL_set_quic_method, "movl $1, %eax\nret\n");
__asm__(".weak SSL_set_quic_tls_cbs\n.type SSL_set_quic_tls_cbs, @function\n"
        ".set SSL_set_quic_tls_cbs, SSL_set_quic_method\n"
        ".size SSL_set_quic_tls_cbs, 6\n");
#elif defined(ODD_REGISTERS)
/* Calls the function, which changes rax alone, with a value in every register that a function may
 * change, and a stack that is not aligned. Gives the number of changed ones. */
FUNCTION(SSL_set_quic_method, "movl $1, %eax\nret\n");
#define EACH_REGISTER(do)                                                                          \
    do                                                                                             \
    (rcx) do(rdx) do(rsi) do(rdi) do(r8) do(r9) do(r10) do(r11)
#define EACH_VECTOR(do)                                                                            \
    do                                                                                             \
    (0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(      \
        14) do(15)
#define SET_VECTOR(number) "movabsq $0x1234567890abc" #number ", %rax\nmovq %rax, %xmm" #number "\n"
#define TEST_VECTOR(number)                                                                        \
    "movabsq $0x1234567890abc" #number ", %rax\nmovq %xmm" #number ", %rbx\ncmpq %rax, %rbx\n"     \
    "je 1f\nincl %ebp\n1:\n"
#define SET_REGISTER(name) "movabsq $0x1f2e3d4c5b6a7988, %" #name "\n"
#define TEST_REGISTER(name)                                                                        \
    "movabsq $0x1f2e3d4c5b6a7988, %rax\ncmpq %rax, %" #name "\nje 1f\nincl %ebp\n1:\n"
__asm__(".text\ncount_changed:\npushq %rbx\npushq %rbp\nxorl %ebp, %ebp\n" EACH_VECTOR(SET_VECTOR)
            EACH_REGISTER(SET_REGISTER) "xorl %eax, %eax\n" SET_REGISTER(
                rdi) "xorl %edi, %edi\nstc\ncall SSL_set_quic_method\njc 1f\nincl %ebp\n1:\n"
                     "cmpl $1, %eax\nje 1f\nincl %ebp\n1:\n"
                     "testq %rdi, %rdi\njz 1f\nincl %ebp\n1:\n" SET_REGISTER(rdi)
                         EACH_REGISTER(TEST_REGISTER) EACH_VECTOR(
                             TEST_VECTOR) "movl %ebp, %eax\npopq %rbp\npopq %rbx\nret\n");
int count_changed(void);

/* The same for whole vectors, of a program that is built for AVX. */
__asm__(".section .rodata\n.balign 32\nwide_value: .fill 32, 1, 0x5a\n.text\n"
        "count_changed_wide:\npushq %rbx\npushq %rbp\nsubq $8, %rsp\nxorl %ebp, %ebp\n"
#define SET_WIDE(number) "vmovdqa wide_value(%rip), %ymm" #number "\n"
#define TEST_WIDE(number)                                                                          \
    "vxorps wide_value(%rip), %ymm" #number ", %ymm" #number "\nvptest %ymm" #number               \
    ", %ymm" #number "\njz 1f\nincl %ebp\n1:\n"
        EACH_VECTOR(SET_WIDE) "movq wide_ssl(%rip), %rdi\nxorl %esi, %esi\ncall "
                              "SSL_set_info_callback\n" EACH_VECTOR(
                                  TEST_WIDE) "vzeroupper\nmovl %ebp, %eax\naddq $8, %rsp\npopq "
                                             "%rbp\npopq %rbx\nret\n");
int count_changed_wide(void);

#include <openssl/ssl.h>
#include <stdlib.h>

SSL *wide_ssl;

__attribute__((constructor)) static void look(void)
{
    __builtin_cpu_init();
    wide_ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    if (count_changed() != 0 || (__builtin_cpu_supports("avx") && count_changed_wide() != 0)) {
        abort();
    }
}
#elif defined(ODD_BORINGSSL)
EXPORT void SSL_CTX_set_grease_enabled(void *context, int enabled)
{
    (void)context, (void)enabled;
}
#elif defined(ODD_THREAD)
/* A thread that starts before all constructors. */
#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *unused)
{
    for (;;) {
        (void)pause();
    }
    return unused;
}

static void start(int argc, char **argv, char **environment)
{
    pthread_t thread;
    (void)argc, (void)argv, (void)environment;
    (void)pthread_create(&thread, NULL, wait_for_ever, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **,
                                                                            char **) = start;
#endif
