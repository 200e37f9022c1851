"""Who asks for everything in a state of a lab, and compares it with what is written in `states/*.txt`.

What is written there is of a registry of one process on a host of its own. With members on the servers other lines stand beside those that
a state is about (two voters that lose power take the registry with them), so there only these are looked for.
"""

import contextlib
from collections.abc import Callable
from functools import partial

from e2e import states
from e2e.harness import SOON_S, Cluster
from support import wait_for
from understudy.errors import LabError
from understudy.model.engines import DEFAULT_ENGINE


class Teller:
    """Asks in a state, and compares with what is written."""

    def __init__(self, cluster: Cluster, *, rewrite: bool, engine: str = DEFAULT_ENGINE) -> None:
        """`engine`: whose answers are written."""
        self.engine = engine
        self.cluster = cluster
        self.rewrite = rewrite
        self.wrong: list[str] = []
        self.logged: dict[str, int] = {}

    def marks(self) -> None:
        """From here on the alert logs are read."""
        for server in self.cluster.lab.servers:
            with contextlib.suppress(LabError, OSError):  # one that is off, or has no such file
                self.logged[server] = len(self.cluster.alerts(server))

    def tells(
        self,
        name: str,
        why: str,
        *,
        on: str,
        until: str,
        status: tuple[str, ...] = (),
        alert: str | tuple[str, ...] = "",
        commands: tuple[str, ...] = states.ASKED,
    ) -> None:
        """Wait until `check cluster` on a server says this, `cluster status` those and the alert log that; then ask for everything."""
        title = name.replace("-", " ").capitalize()
        if until:
            self.cluster.says(until, on)
        for wanted in status:
            wait_for(partial(self._has_status, on, wanted), SOON_S, f"the cluster's status on {on} has {wanted}")
        alerts = (alert,) if isinstance(alert, str) else alert
        for wanted in filter(None, alerts):
            wait_for(partial(self._has_alert, on, wanted), SOON_S, f"the alert log of {on} has {wanted}")
        answers = states.ask(self.cluster, on, commands)
        shown = {line[:8] for each in answers for line in each.lines}
        meant = tuple(filter(None, alerts))  # not what comes late of another state
        logged = [line for line in self.alerts(on) if line[:8] in shown or any(text in line for text in meant)]
        text = states.told(title, why, answers, sorted(logged))
        path = states.FOLDER / f"{name}.txt"
        if self.cluster.lab.plan.engine != self.engine:
            if until and not any(until in line for each in answers for line in each.lines):
                self.wrong.append(f"{path.name}: no command says {until!r} any more:\n{text}")
            return
        if self.rewrite:
            path.write_text(text)
        if not path.exists() or path.read_text() != text:
            self.wrong.append(f"{path.name} is now:\n{text}")

    def _has_status(self, server: str, wanted: str) -> bool:
        (answer,) = states.ask(self.cluster, server, (states.STATUS,))
        return wanted in answer.lines

    def _has_alert(self, server: str, wanted: str) -> bool:
        return any(wanted in line for line in self.alerts(server))

    def alerts(self, server: str) -> list[str]:
        """What is new in the alert log."""
        try:
            return states.alerts(self.cluster, server, self.logged.get(server, 0))
        except OSError:
            return []


def well(cluster: Cluster, on: str) -> Callable[[], bool]:
    """Whether a server says that all is well with every server."""
    return lambda: cluster.lab.exec(on, ["crsctl", "check", "cluster", "-all"], check=False).returncode == 0
