/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/entries.h"

/*
 * The places of the hooks among the entries: hooks of libc and of CRYPTO have none.
 * ENTRY_OF_FAMILY(name, form) is form(name), or nothing.
 */
#define ENTRY_OF_LIBC(name, form)
#define ENTRY_OF_OPENSSL(name, form) form(name)
#define ENTRY_OF_GNUTLS(name, form) form(name)
#define ENTRY_OF_NSS(name, form) form(name)
#define ENTRY_OF_WOLFSSL(name, form) form(name)
#define ENTRY_OF_MBEDTLS(name, form) form(name)
#define ENTRY_OF_BEARSSL(name, form) form(name)
#define ENTRY_OF_S2N(name, form) form(name)
#define ENTRY_OF_CRYPTO(name, form)

#define PLACE(name) PLACE_##name,
enum {
    NO_PLACE, /* so that no word of an entry is 0 */
#define HOOK(name, family) ENTRY_OF_##family(name, PLACE)
#include "shim/common/hooks.def"
#undef HOOK
    PLACES
};

static const uint8_t places[SHIM_HOOK_COUNT] = {
#define HAS_PLACE(name) [SHIM_HOOK_##name] = PLACE_##name,
#define HOOK(name, family) ENTRY_OF_##family(name, HAS_PLACE)
#include "shim/common/hooks.def"
#undef HOOK
};

/* The last entry that this thread came through: number * 256 + place. The assembly knows this
 * name. */
__thread unsigned stub_entered __attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * One entry: stores its word into stub_entered and jumps to the hook. stub_word counts the places
 * in the order of hooks.def, and stub_number the libraries. Changes only registers that a callee
 * may change and that hold no argument.
 */
#if defined(__x86_64__)
#define ENTRY_SIZE 32
#define ENTRY_CODE(name)                                                                           \
    "    endbr64\n"                                                                                \
    "    movq stub_entered@gottpoff(%rip), %r11\n"                                                 \
    "    movl $(stub_number * 256 + stub_word), %fs:(%r11)\n"                                      \
    "    jmp " #name "@PLT\n"
#elif defined(__aarch64__)
#define ENTRY_SIZE 32
#define ENTRY_CODE(name)                                                                           \
    "    hint #34\n"                                                                               \
    "    adrp x16, :gottprel:stub_entered\n"                                                       \
    "    ldr x16, [x16, #:gottprel_lo12:stub_entered]\n"                                           \
    "    mrs x17, tpidr_el0\n"                                                                     \
    "    add x16, x16, x17\n"                                                                      \
    "    mov w17, #(stub_number * 256 + stub_word)\n"                                              \
    "    str w17, [x16]\n"                                                                         \
    "    b " #name "\n"
#elif defined(__i386__)
#define ENTRY_SIZE 64
/* The local hook needs no table of the linker, and so no value in %ebx. */
#define ENTRY_CODE(name)                                                                           \
    "    endbr32\n"                                                                                \
    "    call 1f\n"                                                                                \
    "1:  popl %ecx\n"                                                                              \
    "    addl $_GLOBAL_OFFSET_TABLE_ + (. - 1b), %ecx\n"                                           \
    "    movl stub_entered@gotntpoff(%ecx), %ecx\n"                                                \
    "    movl $(stub_number * 256 + stub_word), %gs:(%ecx)\n"                                      \
    "    jmp " #name "\n"
#else
#error "write the entry for this architecture"
#endif

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number
#define ENTRY(name)                                                                                \
    "    .set stub_word, stub_word + 1\n"                                                          \
    "    .balign " TEXT(ENTRY_SIZE) "\n" ENTRY_CODE(name)

/* As many libraries as have entries. */
#define NUMBERS 4

/* clang-format off */
__asm__(".text\n"
        ".balign 64\n"
        ".globl stub_entries\n"
        ".hidden stub_entries\n"
        ".type stub_entries, %function\n"
        "stub_entries:\n"
        "    .set stub_number, 0\n"
        "    .rept " TEXT(NUMBERS) "\n"
        "    .set stub_number, stub_number + 1\n"
        "    .set stub_word, 0\n"
#define HOOK(name, family) ENTRY_OF_##family(name, ENTRY)
#include "shim/common/hooks.def"
#undef HOOK
        "    .endr\n"
        ".size stub_entries, . - stub_entries\n");
/* clang-format on */

extern const char stub_entries[] __attribute__((visibility("hidden")));

void *stub_entry(const struct shim_library *library, enum shim_hook hook)
{
    unsigned place = places[hook];
    if (place == NO_PLACE || library->number == 0 || library->number > NUMBERS) {
        return NULL;
    }
    size_t index = (library->number - 1) * (size_t)(PLACES - 1) + place - 1;
    return (void *)(uintptr_t)(stub_entries + index * ENTRY_SIZE);
}

unsigned stub_entered_by(enum shim_hook hook)
{
    unsigned word = stub_entered;
    stub_entered = 0;
    return word % 256 == places[hook] ? word / 256 : 0;
}
