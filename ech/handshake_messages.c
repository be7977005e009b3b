/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/handshake_messages.h"

/* ---- messages in fragments ---- */

enum ech_alert ech_received_next(const struct writer *assembled, struct ech_received *received,
                                 bool *whole)
{
    struct bytes all = wr_view(assembled);
    struct reader r = rd_of(all);
    struct reader body;
    uint32_t length;
    *whole = false;
    if (!rd_u8(&r, &received->type)) {
        return ECH_ALERT_NONE;
    }
    if (!rd_vec24(&r, &body)) {
        bool too_long = rd_u24(&r, &length) && length > ECH_MESSAGE_MAX;
        return too_long ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_NONE;
    }
    if (body.len > ECH_MESSAGE_MAX) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    received->body = rd_rest(&body);
    received->message = bytes_of(all.data, all.len - r.len);
    received->excess = !rd_done(&r);
    *whole = true;
    return ECH_ALERT_NONE;
}

/* ---- extensions ---- */

enum ech_alert ech_extensions_read(struct reader list, const struct ech_client_hello *offered,
                                   ech_extension_reader *read, void *out)
{
    uint16_t seen[ECH_EXTENSIONS_MAX];
    size_t count = 0;
    while (!rd_done(&list)) {
        struct ech_extension extension;
        if (!ech_extension_read(&list, &extension)) {
            return ECH_ALERT_DECODE_ERROR;
        }
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == extension.type) {
                return ECH_ALERT_ILLEGAL_PARAMETER;
            }
        }
        if (count == ECH_EXTENSIONS_MAX) {
            return ECH_ALERT_ILLEGAL_PARAMETER;
        }
        seen[count++] = extension.type;
        enum ech_alert alert = read(&extension, offered, out);
        if (alert != ECH_ALERT_NONE) {
            return alert;
        }
    }
    return ECH_ALERT_NONE;
}

enum ech_alert ech_extension_misplaced(const struct ech_extension *extension,
                                       const struct ech_client_hello *offered)
{
    return ech_client_hello_find(offered, extension->type) == NULL ? ECH_ALERT_UNSUPPORTED_EXTENSION
                                                                   : ECH_ALERT_ILLEGAL_PARAMETER;
}

bool ech_client_hello_lists(const struct ech_client_hello *offered, uint16_t type, uint16_t value)
{
    const struct ech_extension *extension = ech_client_hello_find(offered, type);
    if (extension == NULL) {
        return false;
    }
    struct reader data = rd_of(extension->data);
    struct reader list;
    uint16_t offer;
    if (!rd_vec16(&data, &list)) {
        return false;
    }
    while (rd_u16(&list, &offer)) {
        if (offer == value) {
            return true;
        }
    }
    return false;
}

enum ech_alert ech_alpn_answer_check(struct bytes answer, struct bytes offer)
{
    struct reader data = rd_of(answer);
    struct reader list;
    struct reader name;
    if (!rd_vec16(&data, &list) || !rd_done(&data) || !rd_vec8(&list, &name) || rd_done(&name) ||
        !rd_done(&list)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    struct reader offer_data = rd_of(offer);
    struct reader names;
    struct reader offered;
    if (!rd_vec16(&offer_data, &names)) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    while (rd_vec8(&names, &offered)) {
        if (bytes_equal(rd_rest(&offered), rd_rest(&name))) {
            return ECH_ALERT_NONE;
        }
    }
    return ECH_ALERT_ILLEGAL_PARAMETER;
}
