"""This very server, as commands ask about it: users, scripts on its disks, who answers on its networks, whether it was taken out.

Implements ports.OwnServer; made by `daemon/main.py` alone. What may wait for others (user directories, remote storage) is asked beside the
loop, with a deadline. Must never decide anything, nor hold up the loop.
"""

import functools
import grp
import os
import pwd
import socket

from understudy.agents.address import address_in_use
from understudy.agents.aside import aside
from understudy.agents.scriptfile import Owner, who_may_change, why_not_run
from understudy.guard.leave import STAY_OUT
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.settings import NetworkSettings

LOOK_S = 2.0
"""How long a script's storage, or who knows the users, may take to answer."""


class LinuxServer:
    """The server that this daemon runs on."""

    def __init__(self, run_dir: str) -> None:
        self._stay_out = os.path.join(run_dir, STAY_OUT)

    async def script(self, path: str, user: str = "root") -> str:
        """See ports.OwnServer."""
        try:
            return await aside(functools.partial(_look, path, user), within_s=LOOK_S)
        except TimeoutError:
            return "silent"
        except (OSError, LookupError) as error:  # it went away meanwhile, or there is no such user: said elsewhere
            return f"it cannot be read: {error}"

    async def user_exists(self, name: str) -> bool:
        """See ports.OwnServer."""
        try:
            await aside(functools.partial(pwd.getpwnam, name), within_s=LOOK_S)
        except KeyError:
            return False
        return True

    async def group_exists(self, name: str) -> bool:
        """See ports.OwnServer."""
        try:
            await aside(functools.partial(grp.getgrnam, name), within_s=LOOK_S)
        except KeyError:
            return False
        return True

    async def names_of(self, uid: int, gid: int) -> tuple[str, str]:
        """See ports.OwnServer."""
        return await aside(functools.partial(_names, uid, gid), within_s=LOOK_S)

    async def in_use(self, address: str, network: NetworkSettings) -> str | None:
        """See ports.OwnServer."""
        try:
            return await address_in_use(address, subnet=network.subnet, interface=network.interface)
        except (OSError, ValueError) as error:
            # No link to ask over is no reason to refuse: the start asks again, on the server where it matters.
            log(logevents.ADDRESS_NOT_ASKED, address=address, why=str(error))
            return None

    def no_way(self, own: str, other: str) -> str:
        """See ports.OwnServer. Nothing is sent."""
        family = socket.AF_INET6 if ":" in other else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((own, 0))
                probe.connect((other, 9))
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def taken_out_by(self) -> str:
        """See ports.OwnServer."""
        try:
            with open(self._stay_out, encoding="utf-8") as file:
                return file.read(256).strip() or "an operator"
        except OSError:
            return ""

    def come_back(self) -> bool:
        """See ports.OwnServer."""
        try:
            os.unlink(self._stay_out)
        except FileNotFoundError:
            return False
        return True


def _look(path: str, user: str) -> str:
    if not os.path.isfile(path):
        return "missing"
    if not os.access(path, os.X_OK):
        return "not executable"
    if unfit := why_not_run(path):
        return unfit
    account = pwd.getpwnam(user)
    who = who_may_change(path, Owner(account.pw_uid, account.pw_gid))
    return f"users other than {user}, as whom it runs, may change it: {who}" if who else "ok"


def _names(uid: int, gid: int) -> tuple[str, str]:
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return user, group
