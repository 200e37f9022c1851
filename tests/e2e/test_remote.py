"""Who may do what, in a lab of bare servers: users with access lists, another server, an administrator; and no secret anywhere."""

import base64
import os
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import Cluster
from e2e.watched import WatchedCluster
from support import wait_for
from understudy.lab import Lab
from understudy.security.authority import Authority

pytestmark = [pytest.mark.lab, pytest.mark.long]

GAMES = ("setpriv", "--reuid=games", "--regid=games", "--init-groups")
WHO = """#!/bin/sh
case $1 in
start) id -un >/tmp/who && touch /tmp/up;;
stop|clean) rm -f /tmp/up;;
check) [ -e /tmp/up ];;
esac
"""
INIT = ("--server", "ctr1=10.10.20.1,10.10.10.1", "--server", "ctr2=10.10.20.2,10.10.10.2", "--accept-single-voter")
HOME = "/root"
SCRIPT = ("-type", "cluster_resource", "-attr", "ACTION_SCRIPT=/opt/who.scr,SERVER_POOLS=team")
KEYS = "/etc/understudy/keys"
LOOKED_AT = ("/etc", "/var/log", "/var/lib/understudy", "/run", "/root", "/tmp", "/opt")


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Two servers that were made a cluster as an operator does it; the token is not on a command line."""
    lab = Lab(name_of_a_lab("rem"), servers=("ctr1", "ctr2"), pause_tolerance=0.5, bare=True)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        said = cluster.run("understudy", "cluster", "init", "prod", *INIT, "--network", "1=10.10.10.0/24,eth1", on="ctr1")
        token = re.search(r"^  understudy cluster join (\S+)$", said, re.MULTILINE)
        assert token is not None
        cluster.run("sh", "-c", f"printf %s {token[1]} >{HOME}/token; understudy cluster join - <{HOME}/token; rm {HOME}/token", on="ctr2")
        yield cluster


def tried(cluster: Cluster, *argv: str, on: str = "ctr1") -> tuple[int, str]:
    """Exit status, and all that was printed."""
    done = cluster.lab.exec(on, list(argv), check=False)
    return done.returncode, done.stdout + done.stderr


def test_who_may_do_what_from_where(cluster: Cluster) -> None:
    """Each as it would be typed."""
    cluster.put("/opt/who.scr", WHO, on=cluster.lab.servers)
    cluster.run("crsctl", "add", "serverpool", "team", "-attr", "PARENT_POOLS=Generic,SERVER_NAMES=ctr1 ctr2", on="ctr1")
    cluster.run("crsctl", "add", "resource", "other", *SCRIPT, on="ctr1")
    a_user_of_a_server(cluster)
    root_of_another_server(cluster)
    an_administrator_elsewhere(cluster)
    no_secret_is_where_others_look(cluster, nobody(cluster))


def a_user_of_a_server(cluster: Cluster) -> None:
    """Registers and starts what is his own, when root has given him a pool; nothing else."""
    own = (*GAMES, "crsctl", "add", "resource", "app", *SCRIPT)
    refused(cluster, "UND-0325: User 'games' does not have the right x on server pool 'team'.", *own)
    cluster.run("crsctl", "setperm", "serverpool", "team", "-u", "user:games:r-x", on="ctr1")
    assert tried(cluster, *own) == (0, "")
    assert tried(cluster, *GAMES, "crsctl", "start", "resource", "app", "-n", "ctr2")[0] == 0
    assert cluster.run("cat", "/tmp/who", on="ctr2") == "games\n", "its actions run as its owner"
    refused(
        cluster,
        "CRS-2725: User 'games' does not have permission to operate on resource 'other'.",
        *GAMES,
        "crsctl",
        "start",
        "res",
        "other",
    )
    refused(cluster, "UND-0064: Only root may do this, and you are user 'games'", *GAMES, "understudy", "server", "leave")
    refused(cluster, "an administrator's certificate is made on a voter by", *GAMES, "crsctl", "--server", "ctr2", "stat", "res", "-t")


def root_of_another_server(cluster: Cluster) -> None:
    """Is root there."""
    assert "ctr2" in cluster.run("crsctl", "--server", "ctr1", "stat", "res", "app", on="ctr2")
    assert tried(cluster, "crsctl", "--server", "ctr1", "relocate", "resource", "app", "-n", "ctr1", on="ctr2")[0] == 0
    assert tried(cluster, "crsctl", "--server", "ctr1", "stop", "resource", "app", on="ctr2")[0] == 0
    assert "by root@ctr2" in cluster.run("understudy", "history", "app", on="ctr1")
    assert tried(cluster, "crsctl", "check", "crs", "--server", "ctr2")[0] == 0


def an_administrator_elsewhere(cluster: Cluster) -> None:
    """On a machine that is no server: by name and by address, as the user that the certificate names."""
    made = cluster.run("understudy", "cluster", "certificate", "games", "--days", "2", "--out", f"{HOME}/games.pem", on="ctr1")
    assert "PRIVATE" not in made
    carry(cluster, cluster.lab.host_path("ctr1", f"{HOME}/games.pem").read_text(), f"{HOME}/.config/understudy/certificate.pem")
    for server in ("ctr2", "10.10.20.1", "10.10.10.1:7403"):
        assert "app" in cluster.lab.client(["crsctl", "--server", server, "stat", "res", "-t"]).stdout
    assert tried(cluster, "crsctl", "--server", "ctr1", "start", "resource", "app", on="client")[0] == 0
    refused(cluster, "CRS-2725: User 'games'", "crsctl", "--server", "ctr1", "start", "resource", "other", on="client")


def nobody(cluster: Cluster) -> str:
    """With a certificate of another authority, in which the name is root; the key in it. And a server that is not there."""
    issued = Authority("prod").issue_to_user("root", timedelta(days=1))
    true = cluster.lab.host_path("ctr1", f"{KEYS}/authority.pem").read_text()
    carry(cluster, issued.certificate + issued.key + true, f"{HOME}/stranger.pem")
    command = ("crsctl", "--server", "10.10.20.1", "--certificate", f"{HOME}/stranger.pem", "stop", "resource", "app")
    refused(cluster, "the one that was shown is of another authority", *command, on="client")
    wait_for(lambda: "command-not-trusted" in cluster.log("ctr1", "understudyd"), 10, "it is logged")
    refused(cluster, "10.10.20.77 port 7403: ", "crsctl", "--server", "10.10.20.77", "stat", "res", on="client")
    return issued.key


def refused(cluster: Cluster, said: str, *argv: str, on: str = "ctr1") -> None:
    """It ends with status 1, and says why."""
    status, text = tried(cluster, *argv, on=on)
    assert (status, said in text) == (1, True), text


def carry(cluster: Cluster, text: str, path: str) -> None:
    """A file to the client, for root's eyes."""
    place = cluster.lab.host_path("client", path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(0o600)


def no_secret_is_where_others_look(cluster: Cluster, *more: str) -> None:
    """No key, in any form, in a log, a list of processes, an answer, or a file that others than its owner may read."""
    secrets = {
        part for host in cluster.lab.servers for key in ("guard.key", "server.key", "authority.key") for part in _forms(cluster, host, key)
    }
    secrets |= {form for text in (*more, cluster.lab.host_path("ctr1", f"{HOME}/games.pem").read_text()) for form in _of_pem(text)}
    assert len(secrets) > 8
    for host in (*cluster.lab.servers, "client"):
        for path in _files(cluster, host):
            found = path.stat()
            content = path.read_bytes() if stat.S_ISREG(found.st_mode) and found.st_size < 8 << 20 else b""
            held = any(secret.encode() in content for secret in secrets)
            assert not held or not found.st_mode & 0o077, f"{host}: {path} holds a secret, and others may read it"
            assert not held or "/var/log" not in str(path), f"{host}: {path} is a log"
    said = [
        cluster.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '", on=host)
        for host in cluster.lab.servers
    ]
    for argv in (
        ("cluster", "export"),
        ("history", "--json", "-n", "5000"),
        ("cluster", "check", "--json"),
        ("cluster", "status", "--json"),
    ):
        said.append(tried(cluster, "understudy", *argv)[1])
    assert not [secret[:8] for secret in secrets for text in said if secret in text]


def _forms(cluster: Cluster, host: str, key: str) -> set[str]:
    path = cluster.lab.host_path(host, f"{KEYS}/{key}")
    if not path.exists():
        return set()
    text = path.read_text()
    return {text.strip()} if key == "guard.key" else _of_pem(text)


def _of_pem(text: str) -> set[str]:
    """Of each private key the text of a line, and the numbers in hexadecimal digits."""
    found = set()
    for body in re.findall(r"-----BEGIN PRIVATE KEY-----\n(.+?)-----END", text, re.DOTALL):
        found |= {body.splitlines()[1], base64.b64decode(body).hex()[60:124]}
    return found


def _files(cluster: Cluster, host: str) -> Iterator[Path]:
    for folder in LOOKED_AT:
        for place, _, names in os.walk(cluster.lab.host_path(host, folder)):
            for name in names:
                path = Path(place, name)
                if path.is_file() and not path.is_symlink():
                    yield path
