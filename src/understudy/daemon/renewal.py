"""Keeps this server's certificate valid: looks at it now and then, and has it renewed when two thirds of its life are over.

Called by `daemon/main.py`. What is done is `setup/renew.py`'s, beside the loop. Must never end the daemon.
"""

import asyncio
import functools
import os
from collections.abc import Callable

from understudy.agents.aside import aside
from understudy.errors import UnderstudyError
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.settings import Settings
from understudy.security.keyfiles import KeyFiles
from understudy.setup.renew import is_due, is_ours, renew

LOOK_EVERY_S = 3600.0
WITHIN_S = 120.0


async def keep_certificate(present: Callable[[], Settings]) -> None:
    """Until cancelled; idle where the certificate is not of the cluster's own authority. `present`: with the servers and voters of now."""
    keys = KeyFiles(os.path.dirname(present().guard_key))
    while is_ours(settings := present(), keys):
        try:
            if await aside(functools.partial(_due, keys), within_s=WITHIN_S, kind="certificate"):
                await aside(functools.partial(_renew, settings, keys), within_s=WITHIN_S, kind="certificate")
                log(logevents.CERTIFICATE_RENEWED)
        except (OSError, ValueError, TimeoutError) as error:
            log(logevents.CERTIFICATE_NOT_RENEWED, why=str(error))
        await asyncio.sleep(LOOK_EVERY_S)
    await asyncio.Event().wait()


def _due(keys: KeyFiles) -> bool:
    try:
        return is_due(keys)
    except UnderstudyError as error:
        raise ValueError(str(error)) from None


def _renew(settings: Settings, keys: KeyFiles) -> None:
    try:
        renew(settings, keys)
    except UnderstudyError as error:
        raise ValueError(str(error)) from None
