"""crsctl enable, disable and config crs: whether systemd begins Understudy at a boot. Done here, by no daemon."""

import os

from understudy.model.messages import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from understudy.cli.options import Command


def run(command: "Command", body: dict[str, object], server: str, certificate: str) -> int:
    """The command; its exit status."""
    from understudy.setup.services import at_boot, begins_at_boot, units_known

    verb = command.title.split()[1]
    if server:
        return _refused(verb, line(20608, command.title))
    if verb != "config" and os.geteuid() != 0:
        return _refused(verb, line(20280))
    if not units_known():
        return _refused(verb, line(20609))
    if verb != "config" and (why := at_boot(begins=verb == "enable")):
        return _refused(verb, line(20610, why))
    print(line(4622 if begins_at_boot() else 4621))
    return 0


def _refused(verb: str, text: str) -> int:
    print(text)
    print(line(4000, verb.capitalize()))
    return 1
