# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio
import os


async def main():
    reader, writer = await asyncio.open_connection(os.environ["HOST"], 443, ssl=True)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    print((await reader.read()).decode(), end="")
    writer.close()


asyncio.run(main())
