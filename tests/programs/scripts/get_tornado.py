# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio
import os

from tornado.httpclient import AsyncHTTPClient


async def main():
    answer = await AsyncHTTPClient().fetch(os.environ["URL"], ca_certs=os.environ["CA"])
    print(answer.body.decode(), end="")


asyncio.run(main())
