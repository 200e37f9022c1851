"""What a rehearsal has found, in words: why something is done, and of what is lost why, and what would help. Pure.

Reasons' own words are `policy/sentences.py`'s, causes are `policy/waits.py`'s: the words of `understudy explain`.
"""

from dataclasses import dataclass

from understudy.model.names import ResourceName, ServerName
from understudy.model.state import ALIVE
from understudy.model.view import View
from understudy.policy.sentences import against, sentence_about
from understudy.policy.waits import waits
from understudy.policy.whatif import ActSort, Because, PredictedAct, Prediction, ServerTurn

_SENTENCES: dict[Because, str] = {
    Because.UNDER_WAY: "it is under way already",
    Because.TARGET: "its TARGET is {target}",
    Because.PLACE: "it belongs elsewhere",
    Because.STANDS_ON: "it stands on '{by}', which goes down",
    Because.BACK: "'{by}', on which it stands, is up again",
    Because.FAILED: "it has failed",
    Because.LEFT_OVER: "what is left of it is cleaned up first",
    Because.SERVER_LOST: "{server} is lost",
    Because.SERVER_EVICTED: "{server} is evicted",
    Because.SERVER_LEAVES: "{server} leaves",
    Because.SERVER_JOINS: "{server} has joined",
    Because.NO_MAJORITY: "without a majority of voters its lease ends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LostResource:
    """Something that does not come back by itself."""

    resource: ResourceName
    because: str
    advice: tuple[str, ...] = ()


def because(act: PredictedAct) -> str:
    """Why it is done."""
    if act.why is not None:
        return sentence_about(act.why, act.resource)
    target = "OFFLINE" if act.sort is ActSort.STOP else "ONLINE"
    return _SENTENCES[act.because].format(by=act.by or "?", server=act.server, target=target)


def lost(prediction: Prediction) -> tuple[LostResource, ...]:
    """What does not come back by itself, why, and what would help."""
    view, names = prediction.after, tuple(dict.fromkeys(outage.resource for outage in prediction.lost))
    if not prediction.majority:
        why, advice = _without_majority(view, prediction)
        return tuple(LostResource(resource=name, because=why, advice=advice) for name in names)
    if not prediction.registry:
        why, advice = "the registry is lost with its server: nothing is started or moved", ("let the registry be on no server: use etcd",)
        return tuple(LostResource(resource=name, because=why, advice=advice) for name in names)
    asked = waits(view) if names else None
    found = []
    for name in names:
        words = "; and for ".join(cause.text for cause in (() if asked is None else asked.of(name)))
        why = f"it waits for {words}" if words else "nothing starts it"
        found.append(LostResource(resource=name, because=why, advice=against(view, name)))
    return tuple(found)


def _without_majority(view: View, prediction: Prediction) -> tuple[str, tuple[str, ...]]:
    voters = () if view.cluster is None else view.cluster.all_voters
    here = {record.server for record in prediction.before.present().values() if record.life in ALIVE}
    left = [voter for voter in voters if voter in here - _out(prediction)]
    back = " or ".join(sorted(set(voters).difference(left)))
    why = f"of {len(voters)} voters only {', '.join(left) or 'none'} would be left: no server has a lease, and nothing is started"
    return why, (f"bring back {back}",)


def _out(prediction: Prediction) -> frozenset[ServerName]:
    out = (ServerTurn.LOST, ServerTurn.LEFT, ServerTurn.EVICTED)
    return frozenset(news.server for news in prediction.servers if news.turn in out)
