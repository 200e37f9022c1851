"""Who waits for whom while a cluster comes together, in sentences; pure.

Called by `init` and `join` in the end, and while they wait.
"""

from collections.abc import Collection, Iterator

from understudy.model.settings import Settings


def missing_voters(settings: Settings, there: Collection[str]) -> str:
    """Why no majority of voters can be there yet; empty: it can. `there`: servers that are configured, this one included."""
    present = [voter for voter in settings.voters if voter in there]
    needed = len(settings.voters) // 2 + 1
    lacking = needed - len(present)
    if lacking <= 0:
        return ""
    absent = [voter for voter in settings.voters if voter not in there]
    which = f"{lacking} of {_listed(absent, 'and')} have"
    if lacking == 1:
        which = f"{_listed(absent, 'or')} has"
    elif lacking == len(absent):
        which = f"{_listed(absent, 'and')} have"
    count = f"{len(present)} of {len(settings.voters)} voters {'is' if len(present) == 1 else 'are'} there"
    return f"{count} ({_listed(present, 'and') or 'none'}) and {needed} are needed: {which} to join"


def next_steps(settings: Settings, there: Collection[str], token: str) -> Iterator[str]:
    """What to type next, where."""
    absent = [server.name for server in settings.servers if server.name not in there]
    if not absent:
        return
    order = sorted(absent, key=lambda name: (name not in settings.voters, name))
    yield f"Next, on {order[0]}:" if len(order) == 1 else f"Next, on {order[0]} (or {_listed(order[1:], 'or')}):"
    yield f"  understudy cluster join {token}"
    if len(order) > 1:
        holders = [name for name in settings.voters if name in there]
        yield f"Each server needs a token of its own; another is made by `understudy cluster token` on {_listed(holders, 'or')}."


def _listed(names: Collection[str], word: str) -> str:
    listed = list(names)
    return f"{', '.join(listed[:-1])} {word} {listed[-1]}" if len(listed) > 1 else "".join(listed)
