# SPDX-License-Identifier: LGPL-2.1-or-later
import os

from M2Crypto import SSL, httpslib

context = SSL.Context("tls")
context.load_verify_locations(os.environ["CA"])
context.set_verify(SSL.verify_peer | SSL.verify_fail_if_no_peer_cert, 9)
connection = httpslib.HTTPSConnection(os.environ["HOST"], 443, ssl_context=context)
connection.request("GET", "/")
print(connection.getresponse().read().decode(), end="")
