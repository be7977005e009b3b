# SPDX-License-Identifier: LGPL-2.1-or-later
# GIO's TLS, which glib-networking does with GnuTLS.
import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib, Soup  # noqa: E402

try:
    page = Soup.Session().send_and_read(Soup.Message.new("GET", os.environ["URL"]), None)
    print(page.get_data().decode(), end="")
except GLib.Error as error:
    sys.exit(error.message)
