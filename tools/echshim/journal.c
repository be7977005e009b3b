/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * With --report the shim writes its lines for the launcher's table. If they were meant for the
 * journal, the launcher sends them there at the end, as the shim would have done. The lines come
 * from programs, so a field that is missing or of the wrong type is left out.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "shim/common/report.h"
#include "tools/echshim/echshim.h"

static void fill_in(struct shim_field *field, const json_t *value)
{
    field->kind = SHIM_FIELD_NONE;
    if (json_is_string(value)) {
        field->kind = SHIM_FIELD_TEXT;
        field->text = bytes_of(json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value) && json_integer_value(value) >= 0) {
        field->kind = SHIM_FIELD_NUMBER;
        field->number = (uint64_t)json_integer_value(value);
    } else if (json_is_boolean(value)) {
        field->kind = SHIM_FIELD_TRUTH;
        field->number = json_is_true(value) ? 1 : 0;
    }
}

static bool send_line(const json_t *line)
{
    static const struct shim_journal_calls calls = {.sendmsg = sendmsg, .write = write};
    static char entry[SHIM_REPORT_MAX];
    static const struct shim_report nothing;
    static const struct shim_report_origin no_origin;
    struct shim_report_fields fields;
    shim_report_collect(&fields, &nothing, &no_origin);
    for (size_t i = 0; i < fields.count; i++) {
        fill_in(&fields.field[i], json_object_get(line, fields.field[i].name));
    }
    size_t length = shim_report_journal(&fields, entry, sizeof entry);
    return length == 0 || shim_journal_send(SHIM_JOURNAL_SOCKET, &calls, entry, length);
}

bool journal_send(FILE *report)
{
    static char text[SHIM_REPORT_MAX];
    bool sent = true;
    while (sent && fgets(text, sizeof text, report) != NULL) {
        json_t *line = json_loads(text, 0, NULL);
        if (json_is_object(line)) {
            sent = send_line(line);
        }
        int failure = errno;
        json_decref(line);
        errno = failure;
    }
    return sent;
}
