"""The files of this server that `understudy openstack` on another one looks at and changes, instead of over ssh.

For root of a server and administrators named root alone. Only places that a catalogue names which is installed here; the work is the
executor's (`executor/siteplaces.py`), with a deadline. Each change leaves a line of the history with the fingerprints of before and after.
Must never: put a content into the registry, a log or the history.
"""

import json
from collections.abc import Container, Mapping
from typing import Any

from understudy.daemon.siteplaces import PlacesHere
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput, Unreachable
from understudy.model import events
from understudy.model.messages import words
from understudy.openstack.core.named import NOT_NAMED, places_asked, put_refused
from understudy.openstack.hands import fingerprint

ANSWER_S = 30.0
"""For one request: reading some files, or writing one."""
_WITHHELD = "(withheld)"
"""Of what not everybody may read: who knows the rest of a file could try passwords against its fingerprint."""


def changes(body: Mapping[str, Any]) -> bool:
    """Whether a request is to change a file: the others only look."""
    request = body.get("request")
    return isinstance(request, dict) and request.get("do") == "put"


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The answer as one line of JSON; its exit status. A refusal is an answer."""
    places, request = world.places, arguments.body.get("request")
    try:
        if places is None or not isinstance(request, dict):
            raise BadInput("this request is none, or this daemon has no executor")
        world.output.out(json.dumps(await _answer(world, places, request)))
    except (BadInput, Unreachable) as error:
        world.say(20440, world.settings.server, error)
        return 1
    return 0


async def _answer(world: CommandContext, places: PlacesHere, request: Mapping[str, Any]) -> Mapping[str, Any]:
    named = await places.all_named()
    match request.get("do"):
        case "look":
            return await _look(world, places, request, named)
        case "put":
            return await _put(world, places, request, named)
        case "settle":
            return await places.port.site_places({"do": "settle"}, ANSWER_S)
    raise BadInput(f"{str(request.get('do'))[:40]!r} is not something that can be done for another server")


async def _look(world: CommandContext, places: PlacesHere, request: Mapping[str, Any], named: Container[str]) -> Mapping[str, Any]:
    """What no catalogue names is not looked at, and says so; its neighbours are."""
    asked = places_asked(request)
    allowed = [list(pair) for pair in asked if pair[0] in named]
    if places.report(world.by, world.clock.monotonic()):
        world.record(events.PLACES_READ, None, f"by {world.by}", words(20441, len(allowed)))
    answer = await places.port.site_places({"do": "look", "places": allowed}, ANSWER_S) if allowed else {"states": []}
    found = answer.get("states")
    if not isinstance(found, list):
        return answer
    states, seen = [], iter(found)
    for place, _ in asked:
        state = next(seen, None) if place in named else {"kind": "other", "what": NOT_NAMED}
        if state is None:
            break  # the rest did not fit, and is asked for
        states.append(state)
    return {"states": states}


async def _put(world: CommandContext, places: PlacesHere, request: Mapping[str, Any], named: Container[str]) -> Mapping[str, Any]:
    place, expect, state = request.get("place"), request.get("expect"), request.get("state")
    answer: Mapping[str, Any]
    if why := put_refused(request, named):
        answer = {"refused": why}
    else:
        answer = await places.port.site_places({"do": "put", "place": place, "expect": expect, "state": state}, ANSWER_S)
    assert isinstance(expect, dict) and isinstance(state, dict), "put_refused has looked"  # noqa: PT018
    before, after = str(expect.get("fingerprint") or fingerprint(expect))[:64], fingerprint(state)
    if not _readable_by_all(state):
        before = after = _WITHHELD
    how = words(20444, answer["refused"]) if "refused" in answer else words(20442, after) if answer.get("done") else words(20443)
    world.record(events.PLACE_CHANGED, None, f"by {world.by}", words(20445, place, before, how))
    return answer


def _readable_by_all(state: Mapping[str, Any]) -> bool:
    """Of a file that goes, and of keys, nobody knows that it was."""
    return state["kind"] not in ("absent", "keys", "file") or str(state.get("mode"))[-1:] in ("4", "5", "6", "7")
