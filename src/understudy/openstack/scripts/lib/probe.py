"""Asks one service whether it serves, within a limit: what the action scripts check with.

    python3 -I -S probe.py LIMIT_S QUESTION [ARGUMENT...] [-- needs CONFIG_FILE SECTION...]

Questions (HOST and PORT of the service):
    http HOST PORT PATH                any answer below 500
    token HOST PORT PATH [FILE]        Keystone: a token by the credentials in FILE (lines username=, password=, domain=, project=); without
                                       FILE, one for a user that does not exist: the refusal comes from the database, too
    amqp HOST PORT                     a broker's Connection.Start
    memcached HOST PORT                its version
    free HOST PORT                     the address is here, and nobody has the port
    heartbeat CONFIG_FILE BINARY [NOT] the service's row in its database is young; with NOT, also another than that one
    mark CONFIG_FILE BINARY            prints that row's last time, for NOT
After `-- needs`: the configuration file and the section of its database, which is asked as well.

Exit status: 0 yes; 1 no; 3 cannot tell; 4 it runs, and something that it needs does not answer, or it has not built all that it should;
124 no answer within the limit. One line on standard output says more. Needs the standard library alone, and imports little of it: it is
run for every check. Passwords are read from files and never printed.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from probing.answer import NO, PARTIAL, SILENT, YES, ProbeAnswer, in_words

_MORE_S = 12.0
"""For what the service needs, beside the limit for the service itself."""


def _question(name: str) -> Callable[..., None]:
    """Only what is asked is imported."""
    if name in ("heartbeat", "mark"):
        from probing import heartbeats as module
    else:
        from probing import protocols as module  # type: ignore[no-redef]
    ask: Callable[..., None] = getattr(module, f"ask_{name}")
    return ask


def asked(question: str, arguments: list[str], deadline: float) -> ProbeAnswer:
    """What the service itself says."""
    try:
        _question(question)(*arguments, deadline=deadline)
    except ProbeAnswer as verdict:
        return verdict
    except TimeoutError:
        return ProbeAnswer(SILENT, "no answer")
    except (OSError, EOFError, ValueError) as error:
        return ProbeAnswer(NO, in_words(error))
    return ProbeAnswer(YES)


def judged(verdict: ProbeAnswer, needs: list[str]) -> ProbeAnswer:
    """The same in the light of what the service needs: it is not at fault if that is away."""
    if not needs or verdict.status == PARTIAL:
        return verdict
    from probing.needs import NEIGHBOUR_S, require_broker, require_database

    try:
        require_database(needs[0], needs[1:] or ["database"], NEIGHBOUR_S)
        if verdict.status != YES:
            require_broker(needs[0])
    except ProbeAnswer as neighbour:
        if neighbour.status == PARTIAL:
            return neighbour
    except OSError:
        pass  # its file cannot be read: then the service's own answer stands
    return verdict


def main(arguments: list[str]) -> ProbeAnswer:
    """Read the command line, ask, judge."""
    limit_s = float(arguments[0])
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    question, *rest = arguments[1:cut]
    signal.setitimer(signal.ITIMER_REAL, limit_s + _MORE_S)  # whatever hangs all the same: its end is silence
    verdict = asked(question, rest, time.monotonic() + limit_s)
    if verdict.status == NO and question in ("http", "token") and "refused" in verdict.text.lower():
        return verdict  # nobody listens: that is its own doing
    return judged(verdict, arguments[cut + 2 :])


if __name__ == "__main__":
    answer = main(sys.argv[1:])
    if answer.text:
        print(answer.text)
    sys.exit(answer.status)
