/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pure parts of the launcher's supervisor: its filter, what it reads of a call and of a
 * process, and its decision. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/supervision.h"
#include "tools/echshim/supervisor/decide.h"
#include "tools/echshim/supervisor/filter.h"
#include "tools/echshim/supervisor/image.h"

/* ---- the filter: a small interpreter of the kernel's instructions ---- */

static const struct shim_pass pass = {{0x1122334455667788, 0x99aabbccddeeff00}};

static uint32_t run_filter(const struct seccomp_data *data)
{
    struct sock_filter code[SUPERVISOR_FILTER_MAX];
    size_t length = supervisor_filter(&pass, code);
    uint32_t word = 0;
    cr_assert_leq(length, SUPERVISOR_FILTER_MAX);
    for (size_t at = 0; at < length; at++) {
        const struct sock_filter *one = &code[at];
        switch (one->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            cr_assert_leq(one->k, sizeof *data - sizeof word);
            memcpy(&word, (const char *)data + one->k, sizeof word);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += word == one->k ? one->jt : one->jf;
            break;
        case BPF_RET | BPF_K:
            return one->k;
        default:
            cr_assert_fail("instruction %#x", one->code);
        }
    }
    cr_assert_fail("the filter has no end");
    return 0;
}

static uint32_t asked(uint32_t arch, int number, uint64_t first, uint64_t fifth, uint64_t sixth)
{
    struct seccomp_data data = {.nr = number, .arch = arch, .args = {first, 0, 0, 0, fifth, sixth}};
    return run_filter(&data);
}

#if defined(__x86_64__)
enum { NATIVE = AUDIT_ARCH_X86_64, NARROW = AUDIT_ARCH_I386 };
#elif defined(__i386__)
enum { NATIVE = AUDIT_ARCH_I386, NARROW = AUDIT_ARCH_I386 };
#elif defined(__aarch64__)
enum { NATIVE = AUDIT_ARCH_AARCH64, NARROW = AUDIT_ARCH_ARM };
#endif

Test(supervisor, filter_notifies_what_connects)
{
    static const uint32_t kinds[] = {NATIVE, NARROW};
    for (size_t i = 0; i < 2; i++) {
        const struct supervisor_calls *calls = supervisor_calls_of(kinds[i]);
        cr_assert_not_null(calls);
        const int passing[] = {calls->connect, calls->sendmsg, calls->sendmmsg};
        uint64_t mask = calls->word == 8 ? UINT64_MAX : UINT32_MAX;
        uint64_t fifth = pass.words[0] & mask;
        uint64_t sixth = pass.words[1] & mask;
        for (size_t k = 0; k < 3; k++) {
            cr_assert_eq(asked(kinds[i], passing[k], 3, 0, 0), SECCOMP_RET_USER_NOTIF);
            cr_assert_eq(asked(kinds[i], passing[k], 3, fifth, sixth), SECCOMP_RET_ALLOW);
            cr_assert_eq(asked(kinds[i], passing[k], 3, fifth, 0), SECCOMP_RET_USER_NOTIF);
            cr_assert_eq(asked(kinds[i], passing[k], 3, 0, sixth), SECCOMP_RET_USER_NOTIF);
            for (unsigned bit = 0; bit < 64; bit++) {
                uint64_t wrong = (uint64_t)1 << bit;
                cr_assert_eq(asked(kinds[i], passing[k], 3, fifth ^ wrong, sixth),
                             SECCOMP_RET_USER_NOTIF);
                cr_assert_eq(asked(kinds[i], passing[k], 3, fifth, sixth ^ wrong),
                             SECCOMP_RET_USER_NOTIF);
            }
        }
        cr_assert_eq(asked(kinds[i], calls->sendto, 3, 0, 0), SECCOMP_RET_ALLOW);
        cr_assert_eq(asked(kinds[i], calls->sendto, 3, 1, 16), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(asked(kinds[i], calls->sendto, 3, fifth, sixth), SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(asked(kinds[i], calls->io_uring_setup, 3, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
    }
    cr_assert_eq(asked(NATIVE, supervisor_calls_of(NATIVE)->sendto, 3, (uint64_t)1 << 40, 16),
                 SECCOMP_RET_USER_NOTIF);
}

Test(supervisor, filter_lets_all_else_go)
{
    const struct supervisor_calls *calls = supervisor_calls_of(NATIVE);
    for (int number = 0; number < 600; number++) {
        if (number != calls->connect && number != calls->sendmsg && number != calls->sendmmsg &&
            number != calls->sendto && number != calls->socketcall &&
            number != calls->io_uring_setup) {
            cr_assert_eq(asked(NATIVE, number, 3, 1, 1), SECCOMP_RET_ALLOW, "%d", number);
        }
    }
    cr_assert_eq(asked(AUDIT_ARCH_S390X, calls->connect, 3, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
}

Test(supervisor, filter_of_other_ways_into_the_kernel)
{
    static const int socketcalls[] = {3, 11, 16, 20};
    const struct supervisor_calls *calls = supervisor_calls_of(NARROW);
    for (size_t i = 0; calls->socketcall >= 0 && i < 4; i++) {
        cr_assert_eq(asked(NARROW, calls->socketcall, (uint64_t)socketcalls[i], 0, 0),
                     SECCOMP_RET_USER_NOTIF);
        cr_assert_eq(asked(NARROW, calls->socketcall, 9, 0, 0), SECCOMP_RET_ALLOW);
    }
#if defined(__x86_64__)
    static const int x32[] = {42, 44, 518, 538, 425};
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(asked(NATIVE, 0x40000000 | x32[i], 3, pass.words[0], pass.words[1]),
                     SECCOMP_RET_ERRNO | ENOSYS);
    }
    cr_assert_eq(asked(NATIVE, 0x40000000, 3, 0, 0), SECCOMP_RET_ALLOW);
#endif
}

/* ---- the variable ---- */

Test(supervisor, variable)
{
    char text[SHIM_SUPERVISION_SIZE];
    struct shim_supervision out;
    struct shim_supervision in = {.pass = pass, .supervisor = 4711};
    shim_supervision_write(&in, text);
    cr_assert_str_eq(text, "112233445566778899aabbccddeeff00:4711");
    cr_assert(shim_supervision_parse(text, &out));
    cr_assert_eq(memcmp(&out.pass, &pass, sizeof pass), 0);
    cr_assert_eq(out.supervisor, 4711);
    cr_assert(!out.no_new_privs);
    in.no_new_privs = true;
    shim_supervision_write(&in, text);
    cr_assert(shim_supervision_parse(text, &out));
    cr_assert(out.no_new_privs);
    for (size_t length = 0; length < strlen(text); length++) {
        char *cut = strndup(text, length);
        bool whole = length > 33 && length <= 37;
        cr_assert_eq(shim_supervision_parse(cut, &out), whole, "%s", cut);
        free(cut);
    }
    static const char *const wrong[] = {"112233445566778899AABBCCDDEEFF00:1",
                                        "112233445566778899aabbccddeeff00:",
                                        "112233445566778899aabbccddeeff00:0",
                                        "112233445566778899aabbccddeeff00:x",
                                        "112233445566778899aabbccddeeff00:1:no_new_priv",
                                        "112233445566778899aabbccddeeff00:99999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert(!shim_supervision_parse(wrong[i], &out), "%s", wrong[i]);
    }
    cr_assert(!shim_supervision_parse(NULL, &out));
}

/* ---- what a call asks for ---- */

/* The memory of a program: one area. */
struct area {
    uint64_t start;
    const uint8_t *octets;
    size_t length;
    bool denied;
};

static enum supervisor_read read_area(void *context, uint64_t address, void *out, size_t length)
{
    const struct area *area = context;
    if (area->denied) {
        return SUPERVISOR_READ_DENIED;
    }
    if (address < area->start || length > area->length ||
        address - area->start > area->length - length) {
        return SUPERVISOR_READ_FAULT;
    }
    memcpy(out, area->octets + (address - area->start), length);
    return SUPERVISOR_READ;
}

enum { AT = 0x1000 };

static bool is_443(const void *context, uint16_t port)
{
    (void)context;
    return port == 443;
}

static enum supervisor_look look(const struct seccomp_data *call, struct area *area,
                                 struct sockaddr_storage *destination)
{
    const struct supervisor_memory memory = {read_area, area};
    return supervisor_look_at(call, &memory, is_443, NULL, destination);
}

static struct sockaddr_in address_of(sa_family_t family, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = family, .sin_port = htons(port), .sin_addr.s_addr = htonl(0xc0000201)};
}

static enum supervisor_look look_at(int number, sa_family_t family, uint16_t port, uint64_t length)
{
    struct sockaddr_in address = address_of(family, port);
    struct sockaddr_storage destination;
    struct area area = {AT, (const uint8_t *)&address, sizeof address, false};
    const struct supervisor_calls *calls = supervisor_calls_of(NATIVE);
    struct seccomp_data call = {.nr = number, .arch = NATIVE, .args = {3, AT, length}};
    if (number == calls->sendto) {
        call.args[4] = AT;
        call.args[5] = length;
    }
    return look(&call, &area, &destination);
}

Test(supervisor, addresses_of_connect_and_sendto)
{
    const struct supervisor_calls *calls = supervisor_calls_of(NATIVE);
    size_t size = sizeof(struct sockaddr_in);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, size), SUPERVISOR_LOOK_WATCHED);
    cr_assert_eq(look_at(calls->connect, AF_INET6, 443, size), SUPERVISOR_LOOK_WATCHED);
    cr_assert_eq(look_at(calls->connect, AF_INET, 444, size), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_UNIX, 443, size), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_UNSPEC, 443, size), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->sendto, AF_INET, 443, size), SUPERVISOR_LOOK_WATCHED);
    cr_assert_eq(look_at(calls->sendto, AF_UNSPEC, 443, size), SUPERVISOR_LOOK_WATCHED);
    /* The length is an int; the kernel takes 128 octets at most, and none that it cannot read. */
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, 0xffffffff00000000 | size),
                 SUPERVISOR_LOOK_WATCHED);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, (uint64_t)-1), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, 129), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, size + 1), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, 0), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(calls->connect, AF_INET, 443, 3), SUPERVISOR_LOOK_NOTHING);
    cr_assert_eq(look_at(1, AF_INET, 443, size), SUPERVISOR_LOOK_DENIED);
}

Test(supervisor, messages)
{
    struct {
        struct mmsghdr messages[3];
        struct sockaddr_in address[3];
    } memory = {.address = {address_of(AF_INET, 80), address_of(AF_INET, 443)}};
    struct sockaddr_storage destination;
    const struct supervisor_calls *calls = supervisor_calls_of(NATIVE);
    struct area area = {AT, (const uint8_t *)&memory, sizeof memory, false};
    for (size_t i = 0; i < 2; i++) {
        memory.messages[i].msg_hdr.msg_name =
            (void *)(uintptr_t)(AT + offsetof(__typeof__(memory), address) + i * 16);
        memory.messages[i].msg_hdr.msg_namelen = 16;
    }
    struct seccomp_data call = {.nr = calls->sendmsg, .arch = NATIVE, .args = {3, AT}};
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_NOTHING);
    call.args[1] = AT + sizeof *memory.messages;
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_WATCHED);
    cr_assert_eq(((struct sockaddr_in *)&destination)->sin_addr.s_addr, htonl(0xc0000201));
    call.args[1] = AT + 2 * sizeof *memory.messages; /* without an address */
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_NOTHING);
    call.nr = calls->sendmmsg;
    call.args[1] = AT;
    for (uint64_t count = 0; count <= 4; count++) {
        call.args[2] = count;
        cr_assert_eq(look(&call, &area, &destination),
                     count < 2 ? SUPERVISOR_LOOK_NOTHING : SUPERVISOR_LOOK_WATCHED);
    }
    call.args[2] = UINT32_MAX; /* more than there are: the kernel takes 1,024 */
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_WATCHED);
    area.denied = true;
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_DENIED);
}

#if defined(__x86_64__)
Test(supervisor, calls_of_32_bits)
{
    struct {
        uint32_t arguments[6];
        uint32_t header[8];
        struct sockaddr_in address;
    } memory = {.address = address_of(AF_INET, 443)};
    struct sockaddr_storage destination;
    struct area area = {AT, (const uint8_t *)&memory, sizeof memory, false};
    uint32_t header = AT + offsetof(__typeof__(memory), header);
    uint32_t address = AT + offsetof(__typeof__(memory), address);
    memory.header[0] = address;
    memory.header[1] = sizeof memory.address;
    const struct {
        int number;
        uint32_t arguments[6];
    } calls[] = {{3, {3, address, 16}},
                 {11, {3, 0, 0, 0, address, 16}},
                 {16, {3, header, 0}},
                 {20, {3, header, 1, 0}}};
    for (size_t i = 0; i < 4; i++) {
        memcpy(memory.arguments, calls[i].arguments, sizeof memory.arguments);
        struct seccomp_data call = {
            .nr = 102, .arch = AUDIT_ARCH_I386, .args = {(uint64_t)calls[i].number, AT}};
        cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_WATCHED, "%d",
                     calls[i].number);
    }
    struct seccomp_data call = {.nr = 370, .arch = AUDIT_ARCH_I386, .args = {3, header}};
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_WATCHED);
    call = (struct seccomp_data){.nr = 102, .arch = AUDIT_ARCH_I386, .args = {3, 1}};
    cr_assert_eq(look(&call, &area, &destination), SUPERVISOR_LOOK_NOTHING); /* EFAULT */
}
#endif

Test(supervisor, question)
{
    uint16_t port;
    const struct supervisor_calls *calls = supervisor_calls_of(NATIVE);
    struct seccomp_data call = {
        .nr = calls->connect, .arch = NATIVE, .args = {UINT64_MAX, 443, SHIM_SUPERVISOR_QUESTION}};
    cr_assert(supervisor_is_question(&call, &port));
    cr_assert_eq(port, 443);
    call.args[0] = UINT32_MAX;
    cr_assert(supervisor_is_question(&call, &port));
    call.args[0] = 3;
    cr_assert(!supervisor_is_question(&call, &port));
    call.args[0] = UINT64_MAX;
    call.args[2] = 16;
    cr_assert(!supervisor_is_question(&call, &port));
}

/* ---- who made a call ---- */

static const char maps[] =
    "55d0c0000000-55d0c0001000 r--p 00000000 fe:00 1001                       /usr/bin/tool\n"
    "55d0c0001000-55d0c0009000 r-xp 00001000 fe:00 1001                       /usr/bin/tool\n"
    "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
    "7f1000000000-7f1000100000 r-xp 00000000 fe:00 2002            /usr/lib/a folder/libc.so.6\n"
    "7f2000000000-7f2000010000 r-xp 00000000 fe:00 3003            /opt/libechshim.so (deleted)\n"
    "7f2000010000-7f2000012000 rw-p 00010000 fe:00 3003            /opt/libechshim.so (deleted)\n"
    "7f2000012000-7f2000013000 rw-p 00000000 00:00 0 \n"
    "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]\n";

static bool answers(const char *text, uint64_t instruction, bool narrow, unsigned long long inode,
                    bool with_pass)
{
    static _Alignas(16) uint8_t data[0x2000];
    struct area area = {0x7f2000010000, data, sizeof data, false};
    const struct supervisor_memory memory = {read_area, &area};
    const struct supervisor_stubs stubs = {.file = {{0xfe, 0, 17}, {0xfe, 0, inode}}, .count = 2};
    memset(data, 0, sizeof data);
    if (with_pass) {
        memcpy(data + 0x1230, &pass, sizeof pass);
    }
    return supervisor_image_answers(text, instruction, narrow, &stubs, &pass, &memory);
}

Test(supervisor, who_made_a_call)
{
    enum { STUB = 3003 };
    cr_assert(answers(maps, 0x7f1000000010, false, STUB, true));
    cr_assert(answers(maps, 0x7f1000100000, false, STUB, true)); /* behind the last instruction */
    cr_assert(!answers(maps, 0x7f2000000010, false, STUB, true), "the stub asks for the relay");
    cr_assert(!answers(maps, 0x55d0c0001010, false, STUB, true), "the program itself");
    cr_assert(!answers(maps, 0x7f0000000010, false, STUB, true), "code made at run time");
    cr_assert(!answers(maps, 0x7f3000000010, false, STUB, true), "nowhere");
    cr_assert(!answers(maps, 0x7f1000000010, false, STUB, false), "a stub without the pass");
    cr_assert(!answers(maps, 0x7f1000000010, false, 3004, true), "another file of its name");
    cr_assert(answers(maps, 0x7ffd00000010, true, STUB, true));
    cr_assert(!answers(maps, 0x7ffd00000010, false, STUB, true));
    cr_assert(!answers("", 0x7f1000000010, false, STUB, true));
    /* Cut anywhere, the text makes nobody one of ours who is not. */
    char *text = strdup(maps);
    for (size_t length = strlen(text); length > 0; length--) {
        text[length - 1] = '\0';
        cr_assert(!answers(text, 0x55d0c0001010, false, STUB, true));
        (void)answers(text, 0x7f1000000010, false, STUB, true);
    }
    free(text);
}

/* ---- the decision ---- */

Test(supervisor, decision)
{
    static const struct {
        bool strict;
        struct supervisor_facts facts;
        enum supervisor_decision decision;
    } cases[] = {
        {true, {SUPERVISOR_LOOK_NOTHING, false}, SUPERVISOR_PASS},
        {true, {SUPERVISOR_LOOK_WATCHED, true}, SUPERVISOR_PASS},
        {true, {SUPERVISOR_LOOK_WATCHED, false}, SUPERVISOR_REFUSE},
        {true, {SUPERVISOR_LOOK_DENIED, false}, SUPERVISOR_REFUSE},
        {false, {SUPERVISOR_LOOK_NOTHING, false}, SUPERVISOR_PASS},
        {false, {SUPERVISOR_LOOK_WATCHED, true}, SUPERVISOR_PASS},
        {false, {SUPERVISOR_LOOK_WATCHED, false}, SUPERVISOR_PASS_AND_TELL},
        {false, {SUPERVISOR_LOOK_DENIED, false}, SUPERVISOR_PASS_AND_TELL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct supervisor_policy policy = {.strict = cases[i].strict};
        cr_assert_eq(supervisor_decide(&policy, &cases[i].facts), cases[i].decision, "%zu", i);
    }
}

/* A detour lives in the process, or a question for a name is asked under an encrypted resolver. */
Test(supervisor, decide_about_asking_programs)
{
    enum { HTTPS = 443, DNS = 53, DNS_TLS = 853 };
    static const struct {
        bool strict;
        bool names_protected;
        struct supervisor_facts facts;
        enum supervisor_decision decision;
    } cases[] = {
        {true, true, {.asks = true, .port = HTTPS, .connects = true}, SUPERVISOR_PASS},
        {true, true, {.asks = true, .port = HTTPS}, SUPERVISOR_REFUSE},
        {true, true, {.asks = true, .port = DNS_TLS, .connects = true}, SUPERVISOR_REFUSE},
        {true, false, {.asks = true, .port = DNS_TLS, .connects = true}, SUPERVISOR_PASS},
        {true, true, {.asks = true, .port = DNS, .connects = true}, SUPERVISOR_ANSWER_NAMES},
        {true, true, {.port = DNS, .connects = true}, SUPERVISOR_ANSWER_NAMES},
        {true, true, {.port = DNS}, SUPERVISOR_REFUSE},
        {true, true, {.answers = true, .port = DNS, .connects = true}, SUPERVISOR_PASS},
        {false, true, {.port = DNS, .connects = true}, SUPERVISOR_ANSWER_NAMES},
        {false, true, {.port = DNS}, SUPERVISOR_PASS},
        {false, false, {.asks = true, .port = HTTPS, .connects = true}, SUPERVISOR_PASS},
        {false, false, {.port = HTTPS, .connects = true}, SUPERVISOR_PASS_AND_TELL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct supervisor_policy policy = {.strict = cases[i].strict,
                                                 .names_protected = cases[i].names_protected};
        struct supervisor_facts facts = cases[i].facts;
        facts.look = SUPERVISOR_LOOK_WATCHED;
        cr_assert_eq(supervisor_decide(&policy, &facts), cases[i].decision, "%zu", i);
    }
}

static struct supervisor_policy policy_of(const char *text)
{
    struct shim_conf conf = {.entry_count = 0};
    struct supervisor_policy policy;
    cr_assert_eq(shim_conf_add_file(&conf, "conf", bytes_of(text, strlen(text)), SHIM_CONF_USER),
                 ECH_OK);
    supervisor_policy_read(&policy, &conf);
    shim_conf_free(&conf);
    return policy;
}

Test(supervisor, policy)
{
    struct supervisor_policy policy = policy_of("[default]\nmode = opportunistic\n");
    cr_assert(!policy.strict);
    cr_assert(supervisor_policy_watches(&policy, 443));
    cr_assert(!supervisor_policy_watches(&policy, 53));
    policy = policy_of("[default]\nmode = off\n[host \"a.example\"]\nmode = strict\n");
    cr_assert(policy.strict);
    policy =
        policy_of("[default]\nmode = strict\nports = 8443\n[host \"a.example\"]\nports = 9,10\n");
    cr_assert(supervisor_policy_watches(&policy, 8443));
    cr_assert(supervisor_policy_watches(&policy, 9));
    cr_assert(supervisor_policy_watches(&policy, 10));
    cr_assert(!supervisor_policy_watches(&policy, 443));
    policy = policy_of("[default]\nmode = strict\nresolver = tls://192.0.2.1\n");
    cr_assert(supervisor_policy_watches(&policy, 53));
    cr_assert(supervisor_policy_watches(&policy, 853));
    cr_assert(policy.names_protected);
    policy = policy_of("[default]\nresolver = tls://192.0.2.1\n");
    cr_assert(supervisor_policy_watches(&policy, 53), "questions are led to us in every mode");
    cr_assert(!supervisor_policy_watches(&policy, 853));
    policy = policy_of("[default]\nmode = strcit\n");
    cr_assert(policy.strict, "what cannot be read is strict");
}
