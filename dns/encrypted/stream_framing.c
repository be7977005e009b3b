/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/stream_framing.h"

#include <stdlib.h>

enum dns_reason dns_stream_flush(struct dns_framing *framing, struct writer *out)
{
    struct dns_stream_framing *stream = (struct dns_stream_framing *)framing;
    wr_bytes(out, wr_view(&stream->out));
    wr_consume(&stream->out, stream->out.len);
    return wr_finish(out) == ECH_OK ? DNS_REASON_OK : DNS_REASON_NO_MEMORY;
}

void dns_stream_free(struct dns_framing *framing)
{
    struct dns_stream_framing *stream = (struct dns_stream_framing *)framing;
    wr_free(&stream->out);
    wr_free(&stream->in);
    free(stream);
}
