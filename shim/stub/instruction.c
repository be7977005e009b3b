/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opcodes and their operands: Intel's manual, volume 2, appendix A; the prefixes: chapter 2. */
#include "shim/stub/instruction.h"

/* What follows an opcode, and what it is. */
enum {
    MODRM = 1 << 0,
    IMMEDIATE_8 = 1 << 1,
    IMMEDIATE = 1 << 2, /* 4 octets, or 2 */
    IMMEDIATE_WIDE = 1 << 3,
    SHORT = 1 << 4, /* a displacement of one octet to an instruction */
    NEAR = 1 << 5,  /* one of four */
    CALLS = 1 << 6,
    ENDS = 1 << 7,
    HEAD = 1 << 8, /* compilers put it at the head of a function */
    PADS = 1 << 9,
    GROUP = 1 << 10, /* the register field of ModRM selects the operation */
    IMMEDIATE_16 = 1 << 11,
};

struct range {
    uint8_t first;
    uint8_t last;
    uint16_t traits;
};

/* 0x00 to 0x3f have a rule of their own. */
static const struct range one_octet[] = {
    {0x50, 0x5f, HEAD},                               /* push, pop */
    {0x63, 0x63, MODRM | HEAD},                       /* movsxd */
    {0x68, 0x68, IMMEDIATE | HEAD},                   /* push */
    {0x69, 0x69, MODRM | IMMEDIATE | HEAD},           /* imul */
    {0x6a, 0x6a, IMMEDIATE_8 | HEAD},                 /* push */
    {0x6b, 0x6b, MODRM | IMMEDIATE_8 | HEAD},         /* imul */
    {0x70, 0x7f, SHORT | HEAD},                       /* jcc */
    {0x80, 0x80, MODRM | IMMEDIATE_8 | HEAD},         /* add, or, ..., cmp */
    {0x81, 0x81, MODRM | IMMEDIATE | HEAD},           /* the same */
    {0x83, 0x83, MODRM | IMMEDIATE_8 | HEAD},         /* the same */
    {0x84, 0x85, MODRM | HEAD},                       /* test */
    {0x86, 0x87, MODRM | HEAD},                       /* xchg */
    {0x88, 0x8b, MODRM | HEAD},                       /* mov */
    {0x8d, 0x8d, MODRM | HEAD},                       /* lea */
    {0x90, 0x90, HEAD | PADS},                        /* nop */
    {0x91, 0x97, HEAD},                               /* xchg */
    {0x98, 0x99, HEAD},                               /* cdqe, cqo */
    {0xa4, 0xa7, 0},                                  /* movs, cmps */
    {0xa8, 0xa8, IMMEDIATE_8 | HEAD},                 /* test */
    {0xa9, 0xa9, IMMEDIATE | HEAD},                   /* test */
    {0xaa, 0xaf, 0},                                  /* stos, lods, scas */
    {0xb0, 0xb7, IMMEDIATE_8 | HEAD},                 /* mov */
    {0xb8, 0xbf, IMMEDIATE_WIDE | HEAD},              /* mov */
    {0xc0, 0xc1, MODRM | IMMEDIATE_8 | HEAD},         /* shifts */
    {0xc2, 0xc2, IMMEDIATE_16 | ENDS},                /* ret */
    {0xc3, 0xc3, ENDS | HEAD},                        /* ret */
    {0xc6, 0xc6, MODRM | IMMEDIATE_8 | GROUP | HEAD}, /* mov */
    {0xc7, 0xc7, MODRM | IMMEDIATE | GROUP | HEAD},   /* mov */
    {0xc9, 0xc9, HEAD},                               /* leave */
    {0xd0, 0xd3, MODRM | HEAD},                       /* shifts */
    {0xd8, 0xdf, MODRM | HEAD},                       /* x87 */
    {0xe0, 0xe3, SHORT},                              /* loop, jrcxz */
    {0xe8, 0xe8, NEAR | CALLS | HEAD},                /* call */
    {0xe9, 0xe9, NEAR | ENDS | HEAD},                 /* jmp */
    {0xeb, 0xeb, SHORT | ENDS | HEAD},                /* jmp */
    {0xf4, 0xf4, ENDS},                               /* hlt */
    {0xf6, 0xf7, MODRM | GROUP | HEAD},               /* test, not, neg, mul, div */
    {0xfe, 0xff, MODRM | GROUP | HEAD},               /* inc, dec, call, jmp, push */
};

/* After 0x0f. */
static const struct range two_octets[] = {
    {0x0b, 0x0b, ENDS},                /* ud2 */
    {0x0d, 0x0d, MODRM},               /* prefetchw */
    {0x10, 0x11, MODRM | HEAD},        /* movups, movss */
    {0x12, 0x18, MODRM},               /* movlps, movhps, unpck, prefetch */
    {0x1e, 0x1e, MODRM},               /* endbr64, and nops that are reserved */
    {0x1f, 0x1f, MODRM | HEAD | PADS}, /* nop */
    {0x28, 0x29, MODRM | HEAD},        /* movaps */
    {0x2a, 0x2f, MODRM},               /* conversions, comis */
    {0x31, 0x31, 0},                   /* rdtsc */
    {0x40, 0x4f, MODRM | HEAD},        /* cmov */
    {0x50, 0x6f, MODRM | HEAD},        /* xorps, movd, movdqa and their kin */
    {0x70, 0x73, MODRM | IMMEDIATE_8}, /* pshuf, shifts */
    {0x74, 0x76, MODRM},               /* pcmpeq */
    {0x77, 0x77, 0},                   /* emms */
    {0x7c, 0x7d, MODRM},               /* haddp */
    {0x7e, 0x7f, MODRM | HEAD},        /* movd, movdqa */
    {0x80, 0x8f, NEAR | HEAD},         /* jcc */
    {0x90, 0x9f, MODRM | HEAD},        /* setcc */
    {0xa2, 0xa2, 0},                   /* cpuid */
    {0xa3, 0xa3, MODRM},               /* bt */
    {0xa4, 0xa4, MODRM | IMMEDIATE_8}, /* shld */
    {0xa5, 0xa5, MODRM},               /* shld */
    {0xab, 0xab, MODRM},               /* bts */
    {0xac, 0xac, MODRM | IMMEDIATE_8}, /* shrd */
    {0xad, 0xae, MODRM},               /* shrd, fences */
    {0xaf, 0xaf, MODRM | HEAD},        /* imul */
    {0xb0, 0xb1, MODRM},               /* cmpxchg */
    {0xb3, 0xb3, MODRM},               /* btr */
    {0xb6, 0xb7, MODRM | HEAD},        /* movzx */
    {0xb8, 0xb8, MODRM},               /* popcnt */
    {0xba, 0xba, MODRM | IMMEDIATE_8}, /* bt and its kin */
    {0xbb, 0xbd, MODRM},               /* btc, bsf, bsr */
    {0xbe, 0xbf, MODRM | HEAD},        /* movsx */
    {0xc0, 0xc1, MODRM},               /* xadd */
    {0xc2, 0xc2, MODRM | IMMEDIATE_8}, /* cmpps */
    {0xc3, 0xc3, MODRM},               /* movnti */
    {0xc4, 0xc6, MODRM | IMMEDIATE_8}, /* pinsrw, pextrw, shufps */
    {0xc7, 0xc7, MODRM},               /* cmpxchg16b, rdrand */
    {0xc8, 0xcf, HEAD},                /* bswap */
    {0xd0, 0xfe, MODRM},               /* the rest of MMX and SSE2 */
};

static bool find(const struct range *ranges, size_t count, uint8_t opcode, unsigned *traits)
{
    for (size_t i = 0; i < count; i++) {
        if (opcode >= ranges[i].first && opcode <= ranges[i].last) {
            *traits = ranges[i].traits;
            return true;
        }
    }
    return false;
}

#define FIND(ranges, opcode, traits) find(ranges, sizeof(ranges) / sizeof *(ranges), opcode, traits)

struct reader {
    const uint8_t *octets;
    size_t length; /* at most STUB_INSTRUCTION_MAX count */
    size_t at;
    bool narrow;          /* prefix 0x66: immediates of two octets */
    bool repeats;         /* prefix 0xf3 */
    bool short_addresses; /* prefix 0x67: addresses of 32 bits */
    uint8_t rex;
};

enum { REX = 0x40, REX_W = 8, REX_B = 1 };

static bool take(struct reader *reader, uint8_t *octet)
{
    if (reader->at >= reader->length) {
        return false;
    }
    *octet = reader->octets[reader->at++];
    return true;
}

static bool skip(struct reader *reader, size_t count)
{
    if (reader->length - reader->at < count) {
        return false;
    }
    reader->at += count;
    return true;
}

static bool read_prefixes(struct reader *reader, uint8_t *opcode)
{
    while (take(reader, opcode)) {
        switch (*opcode) {
        case 0x66:
            reader->narrow = true;
            break;
        case 0xf3:
            reader->repeats = true;
            break;
        case 0x67:
            reader->short_addresses = true;
            break;
        case 0xf0: /* lock, before counters that threads share */
        case 0xf2: /* another form of an SSE instruction, or bnd */
        case 0x2e: /* these two mean nothing, or notrack */
        case 0x3e:
        case 0x64: /* the thread's storage */
        case 0x65:
            break;
        default:
            if ((*opcode & 0xf0) == REX) {
                reader->rex = *opcode; /* the opcode has to follow */
                return take(reader, opcode);
            }
            return true;
        }
    }
    return false;
}

/* ModRM, SIB and the displacement (volume 2, 2.1.5). */
static bool read_operand(struct reader *reader, struct stub_instruction *instruction,
                         uint8_t *modrm)
{
    enum { HAS_SIB = 4, NO_BASE = 5, REGISTER = 3 };
    uint8_t sib = 0;
    if (!take(reader, modrm)) {
        return false;
    }
    unsigned mode = *modrm >> 6;
    unsigned base = *modrm & 7;
    if (mode == REGISTER) {
        return true;
    }
    if (base == HAS_SIB) {
        if (!take(reader, &sib)) {
            return false;
        }
        return skip(reader, mode == 1 ? 1 : mode == 2 || (sib & 7) == NO_BASE ? 4 : 0);
    }
    if (mode == 0 && base == NO_BASE) {
        instruction->displacement = (uint8_t)reader->at; /* relative to the instruction */
        instruction->displacement_size = 4;
        return skip(reader, 4);
    }
    return skip(reader, mode == 1 ? 1 : mode == 2 ? 4 : 0);
}

/* The operations that one opcode has, by the register field of ModRM. False: not known. */
static bool select_operation(uint8_t opcode, uint8_t modrm, unsigned *traits)
{
    unsigned operation = modrm >> 3 & 7;
    switch (opcode) {
    case 0xc6:
    case 0xc7:
        return operation == 0;
    case 0xf6:
        *traits |= operation < 2 ? IMMEDIATE_8 : 0;
        return true;
    case 0xf7:
        *traits |= operation < 2 ? IMMEDIATE : 0;
        return true;
    case 0xfe:
        return operation < 2;
    default: /* 0xff */
        *traits |= operation == 4 ? ENDS : 0;
        return operation != 3 && operation != 5 && operation != 7; /* far, or none */
    }
}

static size_t immediate_size(const struct reader *reader, unsigned traits)
{
    size_t usual = reader->narrow && (reader->rex & REX_W) == 0 ? 2 : 4;
    if ((traits & IMMEDIATE_WIDE) != 0) {
        return (reader->rex & REX_W) != 0 ? 8 : usual;
    }
    return ((traits & IMMEDIATE) != 0 ? usual : 0) + ((traits & IMMEDIATE_8) != 0 ? 1 : 0) +
           ((traits & IMMEDIATE_16) != 0 ? 2 : 0);
}

static bool read_rest(struct reader *reader, uint8_t opcode, unsigned traits,
                      struct stub_instruction *instruction)
{
    uint8_t modrm = 0;
    if ((traits & MODRM) != 0 && !read_operand(reader, instruction, &modrm)) {
        return false;
    }
    if ((traits & GROUP) != 0 && !select_operation(opcode, modrm, &traits)) {
        return false;
    }
    if ((traits & (SHORT | NEAR)) != 0) {
        /* With an operand size of 16 bits the makers of processors do not agree. REX.W overrules
         * it: compilers fill up a call for the linker that way. */
        if (reader->narrow && (reader->rex & REX_W) == 0) {
            return false;
        }
        instruction->branches = true;
        instruction->displacement = (uint8_t)reader->at;
        instruction->displacement_size = (traits & SHORT) != 0 ? 1 : 4;
        if (!skip(reader, instruction->displacement_size)) {
            return false;
        }
    }
    if (!skip(reader, immediate_size(reader, traits))) {
        return false;
    }
    instruction->length = (uint8_t)reader->at;
    instruction->calls = (traits & CALLS) != 0;
    instruction->ends = (traits & ENDS) != 0;
    instruction->pads = (traits & PADS) != 0 && (reader->rex & REX_B) == 0;
    /* A short jump with a prefix could not be widened. The linker puts 0x67 before a call that
     * needs no table any more, where it changes nothing; data of 32-bit addresses cannot be so far
     * away. */
    instruction->movable =
        (traits & HEAD) != 0 && ((traits & SHORT) == 0 || instruction->displacement == 1) &&
        (!reader->short_addresses || instruction->branches || instruction->displacement_size == 0);
    return true;
}

/* What follows an opcode of AVX. The maps 5 and 6 are those of AVX512-FP16. */
static bool read_avx(struct reader *reader, uint8_t map, struct stub_instruction *instruction)
{
    enum { MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3, MAP_5 = 5, MAP_6 = 6 };
    uint8_t opcode;
    unsigned traits = MODRM;
    if (reader->rex != 0 || reader->narrow || !take(reader, &opcode)) {
        return false;
    }
    switch (map) {
    case MAP_0F:
        if (!FIND(two_octets, opcode, &traits) || (traits & NEAR) != 0) {
            return false;
        }
        traits &= MODRM | IMMEDIATE_8;
        break;
    case MAP_0F38: /* none of these three has an immediate */
    case MAP_5:
    case MAP_6:
        break;
    case MAP_0F3A:
        traits |= IMMEDIATE_8;
        break;
    default:
        return false;
    }
    return read_rest(reader, opcode, traits | HEAD, instruction);
}

/* 0xc5 and 0xc4 begin a prefix of two or three octets. The second holds the opcode's map. */
static bool read_vex(struct reader *reader, bool three, struct stub_instruction *instruction)
{
    uint8_t first;
    uint8_t second;
    if (!take(reader, &first) || (three && !take(reader, &second))) {
        return false;
    }
    return read_avx(reader, three ? first & 0x1f : 1, instruction);
}

/* AVX-512: 0x62 begins a prefix of four octets (chapter 2.7). Two bits have fixed values. */
static bool read_evex(struct reader *reader, struct stub_instruction *instruction)
{
    enum { MAP = 7, ZERO = 8, ONE = 4 };
    uint8_t octets[3];
    for (size_t i = 0; i < sizeof octets; i++) {
        if (!take(reader, &octets[i])) {
            return false;
        }
    }
    return (octets[0] & ZERO) == 0 && (octets[1] & ONE) != 0 &&
           read_avx(reader, octets[0] & MAP, instruction);
}

static bool read_two_octets(struct reader *reader, struct stub_instruction *instruction)
{
    uint8_t opcode;
    unsigned traits = MODRM;
    if (!take(reader, &opcode)) {
        return false;
    }
    if (opcode == 0x38 || opcode == 0x3a) {
        uint8_t third;
        traits |= opcode == 0x3a ? IMMEDIATE_8 : 0;
        return take(reader, &third) && read_rest(reader, third, traits, instruction);
    }
    if (!FIND(two_octets, opcode, &traits) || !read_rest(reader, opcode, traits, instruction)) {
        return false;
    }
    instruction->landing = opcode == 0x1e && reader->repeats && reader->rex == 0 &&
                           reader->octets[reader->at - 1] == 0xfa;
    return true;
}

bool stub_instruction_read(const uint8_t *octets, size_t length,
                           struct stub_instruction *instruction)
{
    struct reader reader = {
        .octets = octets,
        .length = length < STUB_INSTRUCTION_MAX ? length : STUB_INSTRUCTION_MAX,
    };
    uint8_t opcode;
    unsigned traits = 0;
    *instruction = (struct stub_instruction){0};
    if (!read_prefixes(&reader, &opcode)) {
        return false;
    }
    if (opcode == 0x0f) {
        return read_two_octets(&reader, instruction);
    }
    if (opcode == 0xc4 || opcode == 0xc5) {
        return read_vex(&reader, opcode == 0xc4, instruction);
    }
    if (opcode == 0x62) {
        return read_evex(&reader, instruction);
    }
    if (opcode < 0x40) { /* add, or, adc, sbb, and, sub, xor, cmp: in six forms each */
        unsigned form = opcode & 7;
        traits = HEAD | (form < 4 ? MODRM : form == 4 ? IMMEDIATE_8 : IMMEDIATE);
        return form < 6 && read_rest(&reader, opcode, traits, instruction);
    }
    return FIND(one_octet, opcode, &traits) && read_rest(&reader, opcode, traits, instruction);
}
