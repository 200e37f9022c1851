"""Asks one service whether it serves, within a limit: what the action scripts check with.

    python3 -I -S probe.py LIMIT_S [again AGAIN_S] QUESTION [ARGUMENT...] [-- needs CONFIG_FILE SECTION...]

With `again` it asks until the answer is yes or so many seconds have passed: for a start, as beginning a Python for each question takes more
of a busy server's processors than many a service that is waited for.

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
_PAUSE_S = 0.2
"""Between two questions."""


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


def answered(question: str, arguments: list[str], needs: list[str], limit_s: float) -> ProbeAnswer:
    """One question, and the answer in the light of what the service needs."""
    verdict = asked(question, arguments, time.monotonic() + limit_s)
    if verdict.status == NO and question in ("http", "token") and "refused" in verdict.text.lower():
        return verdict  # nobody listens: that is its own doing
    return judged(verdict, needs)


def main(arguments: list[str]) -> ProbeAnswer:
    """Read the command line, ask, judge; again, if that is wanted."""
    limit_s, again_s = float(arguments[0]), 0.0
    if arguments[1] == "again":
        again_s = float(arguments[2])
        del arguments[1:3]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    question, *rest = arguments[1:cut]
    signal.setitimer(signal.ITIMER_REAL, again_s + limit_s + _MORE_S)  # whatever hangs all the same: its end is silence
    until = time.monotonic() + again_s
    while True:
        verdict = answered(question, rest, arguments[cut + 2 :], limit_s)
        if verdict.status not in (NO, PARTIAL) or time.monotonic() + _PAUSE_S > until:
            return verdict
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    answer = main(sys.argv[1:])
    if answer.text:
        print(answer.text)
    sys.exit(answer.status)
