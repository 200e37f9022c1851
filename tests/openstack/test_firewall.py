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
from openstack.trees import SITE, desired_of
from understudy.lab import image
from understudy.openstack.core.compare import Comparison, judge
from understudy.openstack.core.desired import desired, secrets_needed
from understudy.openstack.core.editing import edited, has_line
from understudy.openstack.core.named import NamedPlaces
from understudy.openstack.core.site import parse_site
from understudy.openstack.core.states import Absent, OtherState, ValuesState
from understudy.openstack.core.wanted import Desired, WantedFile, WantedLine, WantedValues
from understudy.openstack.ground import BOOTSTRAP, NotDone, Worker
from understudy.openstack.kept import FormerStates
from understudy.openstack.releases import load_release, release_names
from understudy.openstack.work import apply, look, undo

RULE = 'iifname "eth2" ip saddr 10.10.20.0/24 accept'
PLACE = f"nft:inet filter input:{RULE}"
IPTABLES = "iptables:INPUT:-s 10.10.20.0/24 -i eth2 -j ACCEPT"
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

    def run(self, program: str, *argv: str) -> str:
        done = subprocess.run([*self.inside, *program.split(), *argv], capture_output=True, text=True, check=False)
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


def with_openstack(firewall: Firewall, name: str) -> str:
    """The program of the image with OpenStack's packages, if that has been made; found by whoever works inside, too."""
    root = image.path(image.SETS["openstack"])
    if not (root / f"usr/sbin/{name}-nft").exists():
        return ""
    program = firewall.nft.with_name(f"{name}-nft")
    program.write_text(f'#!/bin/sh\nexec chroot {root} /usr/sbin/{name}-nft "$@"\n')
    program.chmod(0o755)
    return str(program)


pytestmark = pytest.mark.lab


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


def test_the_rule_is_put_in_verified_and_taken_out_again(firewall: Firewall, place: Path) -> None:
    """At the head of its chain, once; the gate of the cluster and all other rules stay, and afterwards it is as before."""
    firewall.said("-f", "-", given=RULES)
    before = firewall.rules()
    rules = tuple(item for item in desired_of("zed").servers["ctr1"] if isinstance(item, WantedValues))
    assert [item.place for item in rules] == [PLACE, IPTABLES]
    wanted, grounds = Desired(servers={"ctr1": rules}, registered=(), endpoints=(), gone=()), {"ctr1": firewall.worker}
    kept = FormerStates(place / "kept")
    assert [item.verdict for item in look(wanted, grounds).judged] == [Comparison.WRONG, Comparison.RIGHT]
    with kept.held():
        assert apply(wanted, grounds, kept, silent)[0].done == [f"ctr1:{PLACE}"]
        assert apply(wanted, grounds, kept, silent)[0].done == []
        lines = [line.strip() for line in firewall.said("list", "chain", "inet", "filter", "input").splitlines()]
        assert lines.index(f'{RULE} comment "understudy openstack"') == lines.index("tcp dport 22 accept") - 1
        assert [item.verdict for item in look(wanted, grounds).judged] == [Comparison.RIGHT, Comparison.RIGHT]
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


@pytest.mark.parametrize(
    "place_of_none",
    [
        "nft:inet filter:x",
        "nft:inet filter input:",
        "nft:inet filter input:accept\nflush ruleset",
        "iptables:IN PUT:-j ACCEPT",
        "iptables:INPUT:",
    ],
)
def test_what_is_no_rule_is_refused(firewall: Firewall, place_of_none: str) -> None:
    """Nothing reaches nft."""
    firewall.said("-f", "-", given=RULES)
    before = firewall.rules()
    assert isinstance(firewall.worker.look([(place_of_none, False)])[place_of_none], OtherState)
    with pytest.raises(NotDone):
        firewall.worker.put(place_of_none, MISSING, THERE)
    assert firewall.rules() == before


def test_the_interconnect_may_be_of_ipv6() -> None:
    """By the words of that family, as nft lists them, however the network was written; and the other iptables."""
    text = SITE.replace("RELEASE", "zed").replace('subnet = "10.10.20.0/24"', 'subnet = "FD00:0020::/64"')
    site, catalogue = parse_site(text, release_names()), load_release("zed")
    wanted = desired(site, catalogue, dict.fromkeys(secrets_needed(site, catalogue), "x")).servers["ctr1"]
    assert [item.place for item in wanted if isinstance(item, WantedValues)] == [
        'nft:inet filter input:iifname "eth2" ip6 saddr fd00:20::/64 accept',
        "ip6tables:INPUT:-s fd00:20::/64 -i eth2 -j ACCEPT",
    ]
    assert [item.place for item in wanted if isinstance(item, WantedLine) and "iptables" in item.place] == ["/etc/iptables/rules.v6"]
    (rules,) = (item.content for item in wanted if isinstance(item, WantedFile) and "interconnect" in item.place)
    assert 'iifname "eth2" ip6 saddr fd00:20::/64 accept' in rules
    named = NamedPlaces.of([catalogue])
    assert all(item.place in named for item in wanted if isinstance(item, WantedValues))


def test_a_rule_of_ipv6_is_found_as_nft_lists_it(firewall: Firewall) -> None:
    place = 'nft:inet filter input:iifname "eth2" ip6 saddr fd00:20::/64 accept'
    firewall.said("-f", "-", given=RULES)
    assert firewall.worker.put(place, MISSING, THERE)
    assert firewall.worker.look([(place, False)]) == {place: THERE}


@pytest.mark.parametrize(("name", "family", "subnet"), [("iptables", "ip", "10.10.20.0/24"), ("ip6tables", "ip6", "fd00:20::/64")])
def test_where_iptables_filters_its_rule_is_put_in_and_taken_out(firewall: Firewall, name: str, family: str, subnet: str) -> None:
    """Where nobody filters by it, there is nothing to do; and its rules stay such that it can list them."""
    if not (program := shutil.which(f"{name}-nft")) and not (program := with_openstack(firewall, name)):
        pytest.skip(f"neither this machine nor the image with OpenStack has {name}")
    place = f"{name}:INPUT:-s {subnet} -i eth2 -j ACCEPT"
    assert firewall.worker.look([(place, False)]) == {place: Absent()}
    firewall.run(program, "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT")
    firewall.run(program, "-A", "INPUT", "-j", "DROP")
    before = firewall.run(program, "-S", "INPUT")
    assert firewall.worker.look([(place, False)]) == {place: MISSING}
    assert firewall.worker.put(place, MISSING, THERE)
    assert firewall.worker.look([(place, False)]) == {place: THERE}
    first = firewall.run(program, "-S", "INPUT").splitlines()[1]
    assert first == f"-A INPUT -s {subnet} -i eth2 -j ACCEPT"
    assert family in firewall.rules()
    assert firewall.worker.put(place, THERE, MISSING)
    assert firewall.run(program, "-S", "INPUT") == before


def test_the_saved_rules_of_iptables_get_the_line_in_their_table_alone() -> None:
    """At the head of INPUT of the table filter; a file that does not filter, or that is not there, needs nothing."""
    line = "-A INPUT -s 10.10.20.0/24 -i eth2 -j ACCEPT"
    (wanted,) = (item for item in desired_of("zed").servers["ctr1"] if isinstance(item, WantedLine) and item.place.startswith("/etc/ipt"))
    saved = b"*nat\n:INPUT ACCEPT\n-A INPUT -j LOG\nCOMMIT\n*filter\n:INPUT DROP\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
    after = edited(saved, [wanted])
    assert after == saved.replace(b"-A INPUT -i lo", line.encode() + b"\n-A INPUT -i lo")
    assert (has_line(saved, wanted), has_line(after, wanted), has_line(b"*nat\nCOMMIT\n", wanted)) == (False, True, True)
    assert judge("ctr1", wanted, {wanted.place: Absent()}, {}).verdict is Comparison.RIGHT
