"""Orders to the lab's hardware: one line of JSON on the power process's socket, one line back.

Called by `Lab` for each of its verbs and by `remains.py`; the other side is `power.py`.
"""

import json
import socket
from typing import Any

from understudy.errors import LabError
from understudy.lab.places import Places, read_plan

_ANSWER_S = 60.0


def send(places: Places, do: str, **arguments: Any) -> dict[str, Any]:
    """Have the hardware do something; its answer. LabError is the hardware's own sentence, or says that it does not answer."""
    lab = places.root.name
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        try:
            connection.connect(str(places.socket))
            connection.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            with connection.makefile() as lines:
                text = lines.readline()
        except OSError as error:
            read_plan(places)
            raise LabError(f"lab {lab} does not answer ({error.strerror or error}): understudy lab down --name {lab}") from None
    if not text:
        raise LabError(f"the hardware of lab {lab} broke down: see {places.log}, then understudy lab down --name {lab}")
    answer: dict[str, Any] = json.loads(text)
    if "error" in answer:
        raise LabError(answer["error"])
    return answer
