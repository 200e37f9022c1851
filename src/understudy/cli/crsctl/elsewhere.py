"""Commands of crsctl that are carried out by other servers' daemons: a check with -n, and the start of servers that were taken out."""

import time

from understudy.cli import client

BEGINS_S, AGAIN_S = 10.0, 0.5
"""For so long a daemon that does not answer may be about to begin; how often it is asked again."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from understudy.cli.options import Command


def run(command: "Command", body: dict[str, object], server: str, certificate: str) -> int:
    """The command; its exit status."""
    if command.verb == "join-server":
        return _start_servers(body, server, certificate)
    place = body.get("server")
    if not server and isinstance(place, str):
        from understudy.cli.place import reachable_elsewhere

        # else this server's own daemon says that there is none of that name, or that it cannot be asked from here
        server = place if reachable_elsewhere(place) else ""
    return client.run(command.verb, body, server=server, certificate=certificate, title="Check")


def _start_servers(body: dict[str, object], server: str, certificate: str) -> int:
    """All are asked back before any is waited for: only together they may have a majority."""
    names = body.get("names")
    listed = [str(name) for name in names] if isinstance(names, list) else []
    if (not listed and not body.get("all")) or body.get("dry_run"):
        return client.run("join-server", body, server=server, certificate=certificate, title="Start")
    from understudy.cli.place import own_and_others

    own, everyone = own_and_others()
    asked = listed or everyone
    unknown = [name for name in asked if name not in everyone]
    for name in unknown:
        print(
            f"UND-0024: Could not find server '{name}'. Servers are {', '.join(everyone) or 'not known here: there is no understudy.toml'}."
        )
    if unknown or not asked:
        print(client.FAILED.format("Start"))
        return 1
    places = {name: "" if name == own and not server else name for name in asked}
    begun = {name: _asked_back(name, place, certificate) for name, place in places.items()}
    well = all(begun.values())
    for name, there in begun.items():
        if there:
            print(f"{name}:", flush=True)
            well = client.run("join-server", {"wait": True}, server=places[name], certificate=certificate) == 0 and well
    if not well:
        print(client.FAILED.format("Start"))
    return 0 if well else 1


def _asked_back(name: str, place: str, certificate: str) -> bool:
    """Whether its daemon took the word. One that has just left begins again within seconds."""
    until = time.monotonic() + BEGINS_S
    while True:
        try:
            status, text = client.ask("join-server", {"nowait": True, "quiet": True}, server=place, certificate=certificate)
            break
        except client.Away as away:
            if time.monotonic() > until:
                print(f"{name}:", flush=True)
                client.say_away(away, elsewhere=bool(place))
                return False
            time.sleep(AGAIN_S)
    if status:
        print(f"{name}:\n{text}")
    return status == 0
