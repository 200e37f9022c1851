"""The executor's word with the guard: let this address pass, for it is started here; no longer, for it was stopped; was it started here?

One packet there, one back, on a connection of its own: it is needed once per start, stop and check of an address. So no two requests can
be taken for each other, a late answer meets a closed socket, and no `Correlator` is needed. Takes silence for a no.
Beside that one connection is kept for as long as both live (`stay_known`): by it the guard knows whom to end when the lease is over,
whatever becomes of our pid file.
"""

import asyncio
import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANSWER_S = 1.0
AGAIN_S = 0.1
_PACKET = 1 << 18


async def open_gate(guard_socket: Path, addresses: Sequence[str], incarnation: str | None) -> str | None:
    """None: they pass while the lease of that incarnation is valid; else why not."""
    return _refusal(await _ask(guard_socket, {"op": "gate", "addresses": list(addresses), "incarnation": incarnation}))


async def shut_gate(guard_socket: Path, addresses: Sequence[str]) -> str | None:
    """None: they pass no longer; else why not."""
    return _refusal(await _ask(guard_socket, {"op": "gate", "shut": list(addresses)}))


async def shut_out(guard_socket: Path, addresses: Sequence[str]) -> frozenset[str]:
    """Those of them of which the guard says that they were not started here; none where it cannot be asked."""
    answer = await _ask(guard_socket, {"op": "opened", "addresses": list(addresses)})
    return frozenset() if isinstance(answer, str) or not answer.get("ok") else frozenset(addresses) - frozenset(answer["open"])


async def stay_known(guard_socket: Path) -> None:
    """Report to every guard, one after the other, who we are; until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as guard:
            try:
                await loop.sock_connect(guard, str(guard_socket))
                await loop.sock_sendall(guard, json.dumps({"op": "hello", "role": "executor", "pid": os.getpid()}).encode())
                while await loop.sock_recv(guard, _PACKET):
                    pass  # nothing that it may say is for us
            except OSError:
                pass  # its keeper starts a successor
        await asyncio.sleep(AGAIN_S)


async def _ask(guard_socket: Path, request: dict[str, Any]) -> dict[str, Any] | str:
    """The answer, or why there is none."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as guard:
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(guard, str(guard_socket))
                await loop.sock_sendall(guard, json.dumps({**request, "id": 1}).encode())
                while True:
                    answer = json.loads(await loop.sock_recv(guard, _PACKET) or b"null")
                    if answer is None:
                        return "it closed the connection"
                    if answer.get("op") == request["op"]:
                        return dict(answer)
        except TimeoutError:
            return f"no answer within {ANSWER_S:g} s"
        except (OSError, ValueError) as error:
            return f"it cannot be asked ({error})"


def _refusal(answer: dict[str, Any] | str) -> str | None:
    if isinstance(answer, str):
        return answer
    return None if answer.get("ok") else str(answer.get("why") or answer.get("error") or "refused")
