"""The guards' key is exchanged without an outage: what each server does with it, and when the next step may come. Pure.

Three steps, each of which every server that is there has to have done before the next begins: the new key is accepted beside the old one;
it is sent with; the old one is forgotten. So at any instant every guard accepts what any other sends. Called by `daemon/keyring.py` (this
server's part), by `daemon/verbs/rotate.py` and by the simulator's operators (the steps).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from understudy.intent.edit import Edit
from understudy.intent.servers import the_cluster
from understudy.model.names import ServerName
from understudy.model.state import ALIVE
from understudy.model.view import ClusterRecord, KeyRotation, KeyStep, View

_NEXT = {KeyStep.ACCEPT: KeyStep.SEND, KeyStep.SEND: KeyStep.FORGET}


def ring(rotation: KeyRotation, present: Sequence[str]) -> tuple[str, ...]:
    """The keys that a server is to have, of those that it has (by id, the first is sent with). One that does not have the new one yet keeps
    what it has."""
    if rotation.key not in present:
        return tuple(present)
    others = [key for key in present if key != rotation.key]
    match rotation.step:
        case KeyStep.ACCEPT if others:
            return (others[0], rotation.key)
        case KeyStep.SEND if others:
            return (rotation.key, others[0])
        case _:
            return (rotation.key,)


def waits_for(view: View, rotation: KeyRotation) -> tuple[ServerName, ...]:
    """Servers that are there and have not done this step yet, as far as they have said."""
    return tuple(server for server, record in view.present().items() if record.life in ALIVE and not _has_done(view, server, rotation))


def _has_done(view: View, server: ServerName, rotation: KeyRotation) -> bool:
    has = keys_of(view, server)
    match rotation.step:
        case KeyStep.ACCEPT:
            return rotation.key in has
        case KeyStep.SEND:
            return has[:1] == (rotation.key,)
        case _:
            return has == (rotation.key,)


def keys_of(view: View, server: ServerName) -> tuple[str, ...]:
    """What the present incarnation of a server has said of its keys; empty: nothing."""
    look, record = view.looks.get(server), view.present().get(server)
    return look.keys if look is not None and record is not None and look.incarnation == record.incarnation else ()


def cannot_begin(view: View) -> tuple[ServerName, ...]:
    """Servers that are there and have not said for which key a secret is sealed: of an older version, or about to."""
    present = view.present()
    return tuple(server for server, record in present.items() if record.life in ALIVE and not keys_of(view, server))


def begun(view: View, key: str, sealed: Mapping[ServerName, str], by: str) -> Edit:
    """What begins it, with the new key sealed for each server that is to have it."""
    return _edit(view, KeyRotation(key=key, step=KeyStep.ACCEPT, sealed=sealed, by=by))


def next_step(view: View) -> Edit | None:
    """The next step, if every server that is there has done the present one; None: not yet, or there is none."""
    rotation = the_cluster(view).rotation
    if rotation is None or rotation.step not in _NEXT or waits_for(view, rotation):
        return None
    return _edit(view, replace(rotation, step=_NEXT[rotation.step]))


def _edit(view: View, rotation: KeyRotation) -> Edit:
    record: ClusterRecord = replace(the_cluster(view), rotation=rotation)
    return Edit(cluster=record)
