# SPDX-License-Identifier: LGPL-2.1-or-later
# GIO's own TLS client, which glib-networking makes.
import os
import sys

from gi.repository import Gio, GLib

REQUEST = "GET / HTTP/1.0\r\nHost: %s\r\n\r\n" % os.environ["HOST"]

client = Gio.SocketClient(tls=True)
try:
    connection = client.connect_to_host(os.environ["HOST"], 443, None)
    connection.get_output_stream().write_all(REQUEST.encode(), None)
    answer = b""
    while part := connection.get_input_stream().read_bytes(4096, None).get_data():
        answer += part
    print(answer.decode().split("\r\n\r\n", 1)[1], end="")
except GLib.Error as error:
    sys.exit(error.message)
