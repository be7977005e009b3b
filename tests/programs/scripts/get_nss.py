# SPDX-License-Identifier: LGPL-2.1-or-later
import os

from nss import io, nss, ssl

host = os.environ["HOST"]
nss.nss_init("sql:db")
addresses = io.AddrInfo(host, io.PR_AF_UNSPEC, io.PR_AI_ADDRCONFIG | io.PR_AI_NOCANONNAME)
address = next(found for found in addresses if found.family == io.PR_AF_INET)
address.port = 443
client = ssl.SSLSocket(address.family)
client.set_ssl_option(ssl.SSL_SECURITY, True)
client.set_ssl_option(ssl.SSL_HANDSHAKE_AS_CLIENT, True)
client.set_hostname(host)
client.connect(address)
client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
while octets := client.recv(4096):
    print(octets.decode(), end="")
