"""The commands as they are typed, on prepared servers: what they print, and their exit status."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from openstack.trees import SITE, make_trees, photograph
from understudy.cli import understudy
from understudy.openstack.releases import load_release

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "hunter-2-of-all"


@pytest.fixture
def prepared(place: Path) -> Path:
    """Trees, a site file, and one with secrets."""
    make_trees(place / "trees", "zed")
    names = load_release("zed").secrets()
    credentials = "".join(f'{name} = "file:{place}/secrets#{name}"\n' for name in names)
    (place / "site.toml").write_text(SITE.replace("RELEASE", "zed") + f"[credentials]\n{credentials}")
    (place / "secrets").write_text("".join(f"{name}={PASSWORD}\n" for name in names))
    (place / "secrets").chmod(0o600)
    return place


def typed(place: Path, command: str, *more: str) -> int:
    """Its exit status."""
    options = ["--site", f"{place}/site.toml", "--trees", f"{place}/trees", "--state", f"{place}/state"]
    return understudy.main(["openstack", command, *options, *more])


def test_plan_apply_verify_undo(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole life: nothing is changed by what only shows, no secret is printed, and the status says how it stands."""
    before = photograph(prepared / "trees")
    assert typed(prepared, "plan") == 0
    plan = capsys.readouterr()
    assert f"+connection = mysql+pymysql://keystone:{'*' * 8}@10.10.10.11/keystone?charset=utf8" in plan.out
    assert "endpoints, by hand, once Keystone answers" in plan.out
    assert plan.out.splitlines()[-1].startswith("UND-0434: ")
    assert typed(prepared, "verify") == 1
    assert photograph(prepared / "trees") == before

    assert typed(prepared, "apply") == 0
    applied = capsys.readouterr()
    assert "done  ctr1  edit /etc/keystone/keystone.conf\n" in applied.err
    assert typed(prepared, "verify") == 0
    assert capsys.readouterr().out.endswith(" right, 0 wrong, 0 missing, 0 not known.\n")
    assert typed(prepared, "plan") == 0
    assert "UND-0435: Nothing is to be done." in capsys.readouterr().out
    assert PASSWORD in (prepared / "trees/ctr1/etc/keystone/keystone.conf").read_text()

    assert typed(prepared, "undo") == 0
    assert photograph(prepared / "trees") == before
    everything = "".join((plan.out, plan.err, applied.out, applied.err, *capsys.readouterr()))
    assert PASSWORD not in everything


def test_json_for_machines(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object each, with everything that the text says."""
    assert typed(prepared, "plan", "--json", "--server", "ctr3") == 0
    plan = json.loads(capsys.readouterr().out)
    assert {step["server"] for step in plan["steps"]} == {"ctr3"}
    assert plan["commands"] == plan["left"] == []
    assert typed(prepared, "apply", "--json", "--server", "ctr3") == 0
    applied = json.loads(capsys.readouterr().out)
    assert (len(applied["done"]), applied["left"]) == (len(plan["steps"]), [])
    assert typed(prepared, "verify", "--json") == 1
    verified = json.loads(capsys.readouterr().out)
    assert verified["status"] == 1
    assert {item["server"] for item in verified["servers"]} == {"ctr1", "ctr2"}
    assert PASSWORD not in json.dumps(verified)
    assert typed(prepared, "verify", "--server", "ctr3") == 0


def test_only_one_server_is_changed_when_one_is_asked_for(prepared: Path) -> None:
    """Keys come from the first controller, which is looked at and left alone."""
    before = photograph(prepared / "trees/ctr1")
    assert typed(prepared, "apply", "--server", "ctr2") == 0
    assert photograph(prepared / "trees/ctr1") == before
    assert typed(prepared, "verify", "--server", "ctr2") == 0


def test_what_cannot_be_said_has_a_status_of_its_own(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither right nor different: a server that is not reached, a secret that is missing, a site file that is wrong."""
    assert typed(prepared, "apply") == 0
    conf = prepared / "trees/ctr1/etc/cinder/cinder.conf"
    conf.unlink()
    conf.symlink_to("elsewhere")
    assert typed(prepared, "verify") == 2
    assert "unknown  ctr1  /etc/cinder/cinder.conf" in capsys.readouterr().out
    (prepared / "secrets").chmod(0o644)
    assert typed(prepared, "verify") == 2
    assert f"others may read it; chmod 600 {prepared}/secrets" in capsys.readouterr().err
    (prepared / "site.toml").write_text("release = 3\n")
    assert typed(prepared, "verify") == 2
    assert f"UND-0430: Nothing was changed: {prepared}/site.toml: line 1: release is 3" in capsys.readouterr().err
    assert typed(prepared, "plan", "--server", "ctr9") == 2


def test_this_server_is_looked_at_and_others_are_reached_by_ssh(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its own name; who has no `ssh` is not reached, and what to write is said. Nothing is registered then."""
    own = socket.gethostname().partition(".")[0]
    text = (prepared / "site.toml").read_text().replace("[servers.ctr1]", f"[servers.{own}]")
    (prepared / "site.toml").write_text(text.replace('address = "10.10.10.3"', 'address = "10.10.10.3"\nssh = "nobody@host.invalid"'))
    status = understudy.main(["openstack", "plan", "--site", f"{prepared}/site.toml", "--json"])
    left = {item["server"]: item["cause"] for item in json.loads(capsys.readouterr().out)["left"] if not item["place"]}
    assert status == 1
    assert set(left) >= {"ctr2", "ctr3"}
    assert f"it is neither this server ({own}) nor one of its cluster, and [servers.ctr2] ssh does not say how to reach it" == left["ctr2"]
    assert left["ctr3"].startswith("ctr3 cannot be reached: ")


def test_a_site_file_is_written_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And never over another."""
    command = ["openstack", "init", "--release", "icehouse", "--site", f"{place}/new/site.toml"]
    assert understudy.main(command) == 0
    assert 'release = "icehouse"' in (place / "new/site.toml").read_text()
    assert understudy.main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert understudy.main([*command[:3], "xena", *command[4:]]) == 2


def test_a_process_of_its_own_says_how_it_is_used() -> None:
    """Help with an example for each command; a wrong command line has status 2."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    for words, status in ((["--help"], 0), (["plan", "--help"], 0), (["plan", "--nonsense"], 2), ([], 2)):
        command = [sys.executable, "-m", "understudy.cli.understudy", "openstack", *words]
        program = [sys.executable, "-c", f"import sys; from understudy.cli.understudy import main; sys.exit(main({command[3:]!r}))"]
        ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == status
        assert ("example" in ended.stdout) == (status == 0)
