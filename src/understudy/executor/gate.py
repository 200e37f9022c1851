"""The executor's word with the guard: let this address pass while the lease lives.

One packet there, one back, on a connection of its own: it is needed once per start of an address. Takes silence for a no.
"""

import asyncio
import json
import socket
from collections.abc import Sequence
from pathlib import Path

ANSWER_S = 1.0
_PACKET = 65536


async def gate(guard_socket: Path, addresses: Sequence[str]) -> str | None:
    """None: gated; else why not."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as guard:
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(guard, str(guard_socket))
                await loop.sock_sendall(guard, json.dumps({"op": "gate", "id": 1, "addresses": list(addresses)}).encode())
                while True:
                    answer = json.loads(await loop.sock_recv(guard, _PACKET) or b"null")
                    if answer is None:
                        return "it hung up"
                    if answer.get("op") == "gate":
                        break
        except TimeoutError:
            return f"no answer within {ANSWER_S:g} s"
        except (OSError, ValueError) as error:
            return f"it cannot be asked ({error})"
    return None if answer.get("ok") else str(answer.get("why") or answer.get("error") or "refused")
