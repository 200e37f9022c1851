"""The texts that are written for a server: its settings as understudy.toml, and its member of etcd as etcd.yaml; pure.

Called by `begin.py` and `enter.py`, and by `daemon/enrol.py`, which sends settings to a server that joins. What `settings_text` writes,
`parse_settings` reads as the same settings. Must never hold a secret: keys are named by their files.
"""

import json
from collections.abc import Collection, Iterable

from understudy.linux import paths
from understudy.model.settings import Settings
from understudy.registry.etcd.configuration import NEW, MemberFile

HEAD = "# Made by `understudy cluster`; docs/guide/settings.md explains each setting. The same on all servers but for [server] name.\n"
ETCD_HEAD = "# Made by `understudy cluster`: this server's member of the cluster's etcd.\n"
_SAME = object()


def settings_text(settings: Settings) -> str:
    """As understudy.toml; settings that are as by default are left out, but for those that an operator looks for."""
    tls = settings.registry_tls
    own = (
        ("name", settings.server, _SAME),
        ("join_port", settings.join_port, 0),
        ("run_dir", settings.run_dir, paths.RUN_DIR),
        ("log_dir", settings.log_dir, paths.LOG_DIR),
        ("state_dir", settings.state_dir, paths.STATE_DIR),
        ("leave_within", settings.leave_within, 300.0),
    )
    registry = [("engine", settings.engine, _SAME), ("endpoints", settings.registry, _SAME)]
    if tls is not None:
        registry += [("ca", tls.ca, _SAME), ("certificate", tls.certificate, _SAME), ("key", tls.key, _SAME)]
    guard = (
        ("port", settings.guard_port, 7401),
        ("key", settings.guard_key, paths.GUARD_KEY),
        ("reboot_on_lapse", settings.reboot_on_lapse, False),
        ("storage", settings.storage, ()),
        ("filesystems", settings.filesystems, ()),
    )
    cluster = (
        ("name", settings.cluster, _SAME),
        ("voters", settings.voters, _SAME),
        ("voter_set", settings.voter_set, 1),
        ("pause_tolerance", settings.pause_tolerance, _SAME),
    )
    sections = [("cluster", cluster), ("server", own), ("registry", registry), ("guard", guard)]
    sections.append(("executor", (("cgroup", settings.cgroup, ""),)))
    for server in settings.servers:
        rows = (("addresses", server.addresses, _SAME), ("witness", server.witness, False))
        sections.append((f"servers.{json.dumps(server.name)}", rows))
    for network in settings.networks:
        sections.append((f"network.{network.number}", (("subnet", network.subnet, _SAME), ("interface", network.interface, _SAME))))
    return "\n".join([HEAD, *(text for name, rows in sections if (text := _section(name, rows)))])


def _section(name: str, rows: Iterable[tuple[str, object, object]]) -> str:
    lines = [f"{key} = {_toml(value)}\n" for key, value, default in rows if value != default]
    return "".join([f"[{name}]\n", *lines]) if lines else ""


def _toml(value: object) -> str:
    """A text, number, truth value or list of texts; JSON writes these as TOML reads them."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def etcd_text(settings: Settings, members: Collection[str] | None = None, state: str = NEW) -> str:
    """This server's etcd.yaml. `members`: all of them; None: the voters, of a cluster that is made. They are named from the start, so the
    cluster forms when a majority of them is there, in any order."""
    assert settings.registry_tls is not None
    return (
        ETCD_HEAD
        + MemberFile(
            name=settings.server,
            members={name: _host(settings.peer(name).addresses[0]) for name in (settings.voters if members is None else members)},
            state=state,
            token=settings.cluster,
            directory=f"{settings.state_dir}/etcd",
            tls=settings.registry_tls,
        ).text()
    )


def _host(address: str) -> str:
    """As it stands before a port."""
    return f"[{address}]" if ":" in address else address
