"""The running firewall, the real one in a network of its own: the rule is in it at once, nothing else of it changes, and it goes again."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from executor.rig import have_root
from openstack.trees import desired_of
from understudy.lab import image
from understudy.openstack.core.compare import Comparison
from understudy.openstack.core.states import Absent, OtherState, ValuesState
from understudy.openstack.core.wanted import Desired, WantedValues
from understudy.openstack.ground import BOOTSTRAP, NotDone, Worker
from understudy.openstack.kept import FormerStates
from understudy.openstack.work import apply, look, undo

RULE = 'iifname "eth2" ip saddr 10.10.20.0/24 accept'
PLACE = f"nft:inet filter input:{RULE}"
THERE, MISSING = ValuesState(values={"rule": "there"}), ValuesState(values={"rule": "missing"})
RULES = """table inet filter {
    chain input {
        type filter hook input priority 0; policy accept;
        tcp dport 22 accept
        iifname "eth1" counter reject
    }
}
table inet understudy {
    chain gate { type filter hook input priority -10; ip daddr 10.10.10.11 drop; }
}
"""


@dataclass
class Firewall:
    """A network of its own with nft in it."""

    nft: Path
    worker: Worker
    inside: list[str]

    def said(self, *argv: str, given: str = "") -> str:
        done = subprocess.run([*self.inside, str(self.nft), *argv], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rules(self) -> str:
        """All of them; what was counted is left out."""
        return re.sub(r"packets \d+ bytes \d+", "", self.said("list", "ruleset"))


@pytest.fixture
def firewall(tmp_path: Path) -> Iterator[Firewall]:
    if not have_root():
        pytest.skip("needs root")
    program = tmp_path / "nft"
    where = shutil.which("nft")
    enter = where or f"chroot {image.ensure(lambda text: None)} /usr/sbin/nft"
    program.write_text(f'#!/bin/sh\nexec {enter} "$@"\n')
    program.chmod(0o755)
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "env", f"PATH={tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"]
        worker = Worker([*inside, sys.executable, "-I", "-c", BOOTSTRAP], "ctr1")
        yield Firewall(program, worker, inside)
        worker.close()
        holder.kill()


pytestmark = pytest.mark.lab


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


def test_the_rule_is_put_in_verified_and_taken_out_again(firewall: Firewall, place: Path) -> None:
    """At the head of its chain, once; the gate of the cluster and all other rules stay, and afterwards it is as before."""
    firewall.said("-f", "-", given=RULES)
    before = firewall.rules()
    rules = tuple(item for item in desired_of("zed").servers["ctr1"] if isinstance(item, WantedValues))
    assert [item.place for item in rules] == [PLACE]
    wanted, grounds = Desired(servers={"ctr1": rules}, registered=(), endpoints=(), gone=()), {"ctr1": firewall.worker}
    kept = FormerStates(place / "kept")
    assert [item.verdict for item in look(wanted, grounds).judged] == [Comparison.WRONG]
    with kept.held():
        assert apply(wanted, grounds, kept, silent)[0].done == [f"ctr1:{PLACE}"]
        assert apply(wanted, grounds, kept, silent)[0].done == []
        lines = [line.strip() for line in firewall.said("list", "chain", "inet", "filter", "input").splitlines()]
        assert lines.index(f'{RULE} comment "understudy openstack"') == lines.index("tcp dport 22 accept") - 1
        assert [item.verdict for item in look(wanted, grounds).judged] == [Comparison.RIGHT]
        others = [line for line in firewall.rules().splitlines() if "understudy openstack" not in line]
        assert others == before.splitlines()
        assert undo(kept, grounds, None, silent, force=False).left == []
    assert firewall.rules() == before


def test_a_rule_that_the_file_has_loaded_is_the_same(firewall: Firewall) -> None:
    """It is there without our comment: right, and taken out by undo."""
    firewall.said("-f", "-", given=RULES)
    firewall.said(f"insert rule inet filter input {RULE}")
    assert firewall.worker.look([(PLACE, False)]) == {PLACE: THERE}
    assert firewall.worker.put(PLACE, THERE, MISSING)
    assert RULE not in firewall.rules()
    assert not firewall.worker.put(PLACE, THERE, MISSING)


def test_where_nothing_filters_nothing_is_needed(firewall: Firewall, place: Path) -> None:
    """No such chain; one that went meanwhile took the rule with it, and undo has nothing to do."""
    assert firewall.worker.look([(PLACE, False)]) == {PLACE: Absent()}
    with pytest.raises(NotDone, match="no such chain any more"):
        firewall.worker.put(PLACE, Absent(), THERE)
    rules = (WantedValues(place=PLACE, values={"rule": "there"}, optional=True),)
    wanted, grounds = Desired(servers={"ctr1": rules}, registered=(), endpoints=(), gone=()), {"ctr1": firewall.worker}
    assert [item.verdict for item in look(wanted, grounds).judged] == [Comparison.RIGHT]
    firewall.said("-f", "-", given=RULES)
    kept = FormerStates(place / "kept")
    with kept.held():
        apply(wanted, grounds, kept, silent)
        firewall.said("delete", "table", "inet", "filter")
        assert undo(kept, grounds, None, silent, force=False).left == []
        assert kept.formers() == ()
    assert "understudy openstack" not in firewall.rules()


@pytest.mark.parametrize("place_of_none", ["nft:inet filter:x", "nft:inet filter input:", "nft:inet filter input:accept\nflush ruleset"])
def test_what_is_no_rule_is_refused(firewall: Firewall, place_of_none: str) -> None:
    """Nothing reaches nft."""
    firewall.said("-f", "-", given=RULES)
    before = firewall.rules()
    assert isinstance(firewall.worker.look([(place_of_none, False)])[place_of_none], OtherState)
    with pytest.raises(NotDone):
        firewall.worker.put(place_of_none, MISSING, THERE)
    assert firewall.rules() == before
