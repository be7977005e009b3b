# SPDX-License-Identifier: LGPL-2.1-or-later
import imaplib
import os
import ssl

box = imaplib.IMAP4_SSL(os.environ["HOST"], ssl_context=ssl.create_default_context())
box.login("a", "b")
box.select()
print(box.fetch("1", "(BODY[])")[1][0][1].decode(), end="")
box.logout()
