"""A prediction as JSON shows it, and as a user may see it who may not see everything. Pure."""

from collections.abc import Collection
from dataclasses import replace

from understudy.model.names import ResourceName
from understudy.model.reasons import code_of
from understudy.policy.whatif import Outage, PredictedAct, Prediction
from understudy.policy.whatif_words import because, lost


def as_seen(prediction: Prediction, hidden: Collection[ResourceName]) -> Prediction:
    """Without what happens to resources that the user may not see."""
    if not hidden:
        return prediction
    return replace(
        prediction,
        acts=tuple(act for act in prediction.acts if act.resource not in hidden),
        outages=tuple(outage for outage in prediction.outages if outage.resource not in hidden),
    )


def prediction_json(prediction: Prediction) -> dict[str, object]:
    """For `--json`. Seconds from the moment of the change."""
    return {
        "settled": prediction.settled,
        "takes_s": _rounded(prediction.takes_s),
        "majority": prediction.majority,
        "registry": prediction.registry,
        "servers": [{"at_s": _rounded(news.at_s), "server": news.server, "what": news.turn.value} for news in prediction.servers],
        "acts": [_act(act) for act in prediction.acts],
        "down": [_outage(outage) for outage in prediction.outages],
        "lost": [{"resource": each.resource, "because": each.because, "advice": list(each.advice)} for each in lost(prediction)],
    }


def _act(act: PredictedAct) -> dict[str, object]:
    return {
        "stage": act.stage,
        "action": act.sort.value,
        "resource": act.resource,
        "server": act.server,
        "required": act.required,
        "begins_s": _rounded(act.begins_s),
        "ends_s": _rounded(act.ends_s),
        "assumed": act.assumed,
        "because": act.because.value,
        "reason": code_of(act.why),
        "by": act.by,
        "words": because(act),
    }


def _outage(outage: Outage) -> dict[str, object]:
    until, lasts = outage.until_s, outage.for_s
    return {
        "resource": outage.resource,
        "from_s": _rounded(outage.from_s),
        "until_s": None if until is None else _rounded(until),
        "for_s": None if lasts is None else _rounded(lasts),
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
