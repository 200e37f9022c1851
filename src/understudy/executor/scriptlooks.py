"""What is known of scripts' files: each looked at beside the loop before it is run, once a minute, and once more when it could not be run.

Owned by the runner. Only a script of which nobody else may change anything is run; one whose storage does not answer in time is left to its
own action, which then hangs alone and ends as too slow. Must never hold up the scripts of others.
"""

import asyncio
import functools

from understudy.agents.aside import aside
from understudy.agents.scriptfile import Owner, who_may_change, why_not_run

_LOOK_S, _KEPT_S = 0.5, 60.0
_MOST_KEPT = 4096


class ScriptLooks:
    """The looks of this executor."""

    def __init__(self) -> None:
        self._looked: dict[tuple[str, Owner], float] = {}
        """When nobody else was seen to be able to change it, or its storage did not answer."""

    async def who_may_change(self, path: str, owner: Owner) -> str:
        """Who else may, in words with the cure; empty: nobody, as far as can be seen."""
        now, key = asyncio.get_running_loop().time(), (path, owner)
        if now - self._looked.get(key, -_KEPT_S) < _KEPT_S:
            return ""
        if len(self._looked) >= _MOST_KEPT:
            self._looked.clear()
        self._looked[key] = now  # at once: a second action does not hang over the same storage
        try:
            found = await aside(functools.partial(who_may_change, path, owner), within_s=_LOOK_S, kind="scripts")
        except (OSError, ValueError):
            return ""  # it is not there, say: its action tells
        if found:
            self._looked.pop(key, None)  # mended is mended at once
        return found

    async def why_not_run(self, path: str) -> str:
        """Why the kernel would not run it as it is meant; empty where nothing is seen."""
        try:
            return await aside(functools.partial(why_not_run, path), within_s=_LOOK_S, kind="scripts")
        except (OSError, ValueError):
            return ""
