"""What an installation restarts of what runs, or has failed: the package's own script, with a systemd that only notes what it is asked."""

import os
import subprocess
from pathlib import Path

import pytest

from makepackage.project import ROOT

POSTINST = ROOT / "packaging/debian/postinst"
SYSTEMCTL = """#!/bin/sh
case "$*" in
"--quiet is-active "*) grep -qx "$3 active" {states} ;;
"--quiet is-failed "*) grep -qx "$3 failed" {states} ;;
*) echo "systemctl $*" >>{asked} ;;
esac
"""
NOTES = '#!/bin/sh\necho "${{0##*/}} $*" >>{asked}\n'
FORBIDS = "#!/bin/sh\nexit 101\n"


def asked_of_systemd(folder: Path, states: dict[str, str], *, policy: str = "") -> list[str]:
    """What a configuration of the package asks for, when its units are in these states and a machine's policy is this script."""
    tools, running, asked = folder / "bin", folder / "run", folder / "asked"
    tools.mkdir()
    running.mkdir()
    (folder / "states").write_text("".join(f"{unit}.service {state}\n" for unit, state in states.items()))
    scripts = {"systemctl": SYSTEMCTL, "deb-systemd-invoke": NOTES, "py3compile": NOTES, "policy-rc.d": policy}
    for name, text in scripts.items():
        if text:
            (tools / name).write_text(text.format(states=folder / "states", asked=asked))
            (tools / name).chmod(0o755)
    script = POSTINST.read_text()
    for named, here in (
        ("/run/systemd/system", running), ("/opt/openstack-ha", folder / "scripts"), ("/usr/lib/understudy", folder / "home"),
    ):  # fmt: skip
        assert named in script
        script = script.replace(named, str(here))
    environment = {**os.environ, "PATH": f"{tools}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", script, "postinst", "configure", "0.1"], env=environment, capture_output=True, check=True)
    return [line for line in asked.read_text().splitlines() if not line.startswith("py3compile")]


RELOAD = "systemctl --system daemon-reload"


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        ({}, []),
        (
            {"understudy-exec": "active", "understudyd": "active", "understudy-guard": "active"},
            ["deb-systemd-invoke restart understudy-exec.service understudyd.service"],
        ),
        (
            {"understudy-exec": "active", "understudyd": "failed"},
            ["systemctl --quiet start understudyd.service", "deb-systemd-invoke restart understudy-exec.service"],
        ),
    ],
    ids=["nothing runs", "all run", "one has failed"],
)
def test_what_runs_and_what_has_failed_is_begun_in_the_new_version(tmp_path: Path, states: dict[str, str], asked: list[str]) -> None:
    """Never the guard, and nothing that an operator has stopped."""
    assert asked_of_systemd(tmp_path, states) == [RELOAD, *asked]


def test_nothing_is_started_where_the_machines_policy_forbids_it(tmp_path: Path) -> None:
    assert asked_of_systemd(tmp_path, {"understudyd": "failed"}, policy=FORBIDS) == [RELOAD]
