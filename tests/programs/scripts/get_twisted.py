# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import sys

from twisted.internet import reactor
from twisted.web.client import Agent, readBody

status = 1


def show(body):
    global status
    print(body.decode(), end="", flush=True)
    status = 0


def done(result):
    if result is not None:
        print(result.getErrorMessage(), file=sys.stderr)
    reactor.stop()


Agent(reactor, connectTimeout=10).request(b"GET", os.environ["URL"].encode()).addCallback(readBody).addCallback(show).addBoth(done)
reactor.run()
sys.exit(status)
