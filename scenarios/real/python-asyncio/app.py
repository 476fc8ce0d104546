import asyncio


async def main():
    while True:
        child = await asyncio.create_subprocess_exec("sleep", "0.5")
        await child.wait()


asyncio.run(main())
