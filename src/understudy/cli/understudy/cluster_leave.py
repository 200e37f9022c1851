"""`understudy cluster leave`: this server leaves the cluster for good.

A planned leave first, then it is taken out of the registry, then its services, settings and keys go. Each step looks whether it was done
already, so the command is typed again after an interruption.
"""

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from understudy.errors import BadInput
from understudy.model.messages import line, words

if TYPE_CHECKING:
    from understudy.model.settings import Settings
    from understudy.setup.places import SetupPlaces

BACK_S, POLL_S = 120.0, 0.5
_ALIVE = ("ONLINE", "JOINING", "LEAVING", "UNKNOWN")


def leave(arguments: argparse.Namespace) -> int:
    """The whole command, as `cluster_setup.py` has read it; its exit status. UnderstudyError."""
    from understudy.setup.depart import own_files, remove_all
    from understudy.setup.places import SetupPlaces

    places = SetupPlaces()
    settings = _settings(places)
    if status := _taken_out(settings.server):
        return status
    if arguments.keep:
        return 0
    _stop_services()
    remove_all(own_files(settings, places), lambda text: print(text, file=sys.stderr, flush=True))
    print(f"{settings.server} has left cluster {settings.cluster} for good; nothing of it is configured here any more.")
    return 0


def _settings(places: "SetupPlaces") -> "Settings":
    import os

    from understudy.guard.configured import read_settings

    if os.geteuid() != 0:
        raise BadInput(words(20280), code=20280)
    if not os.path.lexists(places.config):
        raise BadInput(words(20285, "This server is not configured", "it belongs to no cluster"), code=20285)
    return read_settings(places.config)


def _taken_out(name: str) -> int:
    """0: it is no server of the cluster any more."""
    from understudy.cli import client

    state = _state_of(name)
    if state is None:
        return 0
    if status := client.run("remove-server", {"names": [name], "ask": True}):
        return status
    if state.startswith(_ALIVE) and (status := client.run("leave-server", {"names": []})):
        return status
    until = time.monotonic() + BACK_S
    while (state := _patient_state_of(name, until)) is not None and state.startswith(_ALIVE):
        if time.monotonic() > until:
            raise BadInput(words(20312, f"{BACK_S:g}", f"{name} is still {state}"), code=20312)
        time.sleep(POLL_S)
    return 0 if state is None else client.run("remove-server", {"names": [name]})


def _state_of(name: str) -> str | None:
    """As the registry has it; None: it is no server of the cluster. BadInput: the daemon does not answer."""
    from understudy.cli.client import Away, ask

    try:
        rows = json.loads(ask("server-list", {"json": True}, quiet=True)[1])["servers"]
    except (Away, ValueError, KeyError) as error:
        why = "understudyd does not answer, or has not read the registry: start it; or on another server: understudy cluster remove-server"
        raise BadInput(words(20285, "This server cannot be taken out now", f"{why} {name} ({error})"), code=20285) from None
    return next((str(row["state"]) for row in rows if row["server"] == name), None)


def _patient_state_of(name: str, until: float) -> str | None:
    """The farewell has ended this server's daemon; another begins."""
    while True:
        try:
            return _state_of(name)
        except BadInput:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)


def _stop_services() -> None:
    from understudy.setup.services import TARGET, stop_target, systemd_runs

    if systemd_runs():
        stop_target()
        print(f"stopped and disabled: {TARGET}", file=sys.stderr, flush=True)
    else:
        print(line(20315), file=sys.stderr, flush=True)
