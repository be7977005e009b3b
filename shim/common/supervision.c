/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/supervision.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DIGITS ((size_t)16) /* of one word */

static bool read_word(const char *text, uint64_t *word)
{
    *word = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        char digit = text[i];
        unsigned value;
        if (digit >= '0' && digit <= '9') {
            value = (unsigned)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            value = (unsigned)(digit - 'a') + 10;
        } else {
            return false; /* also at the end of the text */
        }
        *word = *word << 4 | value;
    }
    return true;
}

static bool take(const char **text, const char *word)
{
    size_t length = strlen(word);
    bool there = strncmp(*text, word, length) == 0;
    *text += there ? length : 0;
    return there;
}

bool shim_supervision_parse(const char *text, struct shim_supervision *out)
{
    *out = (struct shim_supervision){.supervisor = 0};
    if (text == NULL || !read_word(text, &out->pass.words[0]) ||
        !read_word(text + DIGITS, &out->pass.words[1]) || text[2 * DIGITS] != ':') {
        return false;
    }
    const char *at = text + 2 * DIGITS + 1;
    while (*at >= '0' && *at <= '9' && out->supervisor < INT_MAX / 10) {
        out->supervisor = out->supervisor * 10 + (*at++ - '0');
    }
    out->no_new_privs = take(&at, ":no_new_privs");
    out->relay = take(&at, ":relay");
    return out->supervisor > 0 && *at == '\0';
}

void shim_supervision_write(const struct shim_supervision *supervision,
                            char out[SHIM_SUPERVISION_SIZE])
{
    (void)snprintf(out, SHIM_SUPERVISION_SIZE, "%016" PRIx64 "%016" PRIx64 ":%d%s%s",
                   supervision->pass.words[0], supervision->pass.words[1], supervision->supervisor,
                   supervision->no_new_privs ? ":no_new_privs" : "",
                   supervision->relay ? ":relay" : "");
}
