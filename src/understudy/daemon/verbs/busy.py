"""Owns what `-i` asks before a command does anything. Called by the verbs that start, stop and move; `intent/busy.py` decides."""

from collections.abc import Iterable

from understudy.daemon.verbs.arguments import Arguments
from understudy.intent.busy import beside as beside
from understudy.intent.busy import check_idle
from understudy.model.names import ResourceName
from understudy.model.view import View


def check_not_busy(view: View, names: Iterable[ResourceName], arguments: Arguments) -> None:
    """With `-i`: refused if somebody is at work on one of them."""
    if arguments.flag("immediate"):
        check_idle(view, names)
