"""The guards' key is exchanged without an outage: what each server does with it, and when the next step may come. Pure.

Three steps, each of which every server that is there has to have done before the next begins: the new key is accepted beside the old one;
it is sent with; the old one is forgotten. So at any instant every guard accepts what any other sends. A registry that was set back says
what was over long ago, or nothing: nobody takes a key that he has forgotten, and the leader writes down what all servers have. Called by
`daemon/keyring.py` (this server's part), by `daemon/verbs/rotate.py` and by the simulator's operators (the steps).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from understudy.intent.edit import Edit
from understudy.intent.servers import the_cluster
from understudy.model.names import ServerName
from understudy.model.state import ALIVE
from understudy.model.view import ClusterRecord, KeyRotation, KeyStep, View

FORGOTTEN_MOST = 64
"""Names of forgotten keys that are kept, the newest."""
_NEXT = {KeyStep.ACCEPT: KeyStep.SEND, KeyStep.SEND: KeyStep.FORGET}


def ring(rotation: KeyRotation, present: Sequence[str]) -> tuple[str, ...]:
    """The keys that a server is to have, of those that it has (by id, the first is sent with). One that does not have the new one yet keeps
    what it has."""
    if rotation.key not in present:
        return tuple(present)
    others = [key for key in present if key != rotation.key]
    match rotation.step:
        case KeyStep.ACCEPT if others and present[0] != rotation.key:
            return (others[0], rotation.key)
        case KeyStep.ACCEPT | KeyStep.SEND if others:  # who sends with it does not go back: others may have forgotten what was before
            return (rotation.key, others[0])
        case _:
            return (rotation.key,)


def now_forgotten(forgotten: Sequence[str], before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """What a server is never to take again, when it has these keys instead of those before."""
    gone = dict.fromkeys((*forgotten, *(key for key in before if key not in now)))
    return tuple(gone)[-FORGOTTEN_MOST:]


def unrecorded(view: View, mine: Sequence[str], forgotten: Collection[str]) -> tuple[str, KeyStep] | None:
    """What the registry should say of the keys and does not, because it was set back; None: nothing, or not as long as it is not known what
    every server that is there has. `mine`, `forgotten`: of the server that asks, which was there.

    Each server that is there is asked to do only what it has done, or what all the others are ready for; one that was away gets the key.
    """
    rotation = the_cluster(view).rotation
    if view.recovering or not _is_past(rotation, mine, forgotten):
        return None
    said = [keys_of(view, server) for server, record in view.present().items() if record.life in ALIVE]
    common = [key for key in mine if all(key in has for has in said)]
    if not common:
        return None
    sent_with_by_all = [key for key in common if all(has[0] == key for has in said)]
    wanted = (sent_with_by_all[0], KeyStep.FORGET) if sent_with_by_all else (common[0], KeyStep.SEND)
    return None if rotation is not None and wanted == (rotation.key, rotation.step) else wanted


def _is_past(rotation: KeyRotation | None, mine: Sequence[str], forgotten: Collection[str]) -> bool:
    """Whether an exchange that a server has taken part in is later than what the registry says."""
    if rotation is None:
        return bool(forgotten) or len(mine) > 1
    return rotation.key in forgotten or (rotation.step is not KeyStep.FORGET and tuple(mine) == (rotation.key,))


def said_again(view: View, key: str, step: KeyStep, sealed: Mapping[ServerName, str]) -> ClusterRecord:
    """The record with what was `unrecorded`: by nobody, for who has asked for it is not known any more."""
    return replace(the_cluster(view), rotation=KeyRotation(key=key, step=step, sealed=sealed))


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
    """What the present incarnation of a server has said of its keys in this era; empty: nothing. (What it said before the registry was set
    back may be long ago.)"""
    look, record = view.looks.get(server), view.present().get(server)
    if look is None or record is None or look.incarnation != record.incarnation or look.era != view.era:
        return ()
    return look.keys


def seals(view: View) -> Mapping[ServerName, str]:
    """For what is sealed what one server alone may know, of every server that has ever said it."""
    return {server: look.seal for server, look in view.looks.items() if look.seal}


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
