"""Services and endpoints in Keystone: made, verified, changed and taken back. One contract, for a stand-in and for the real one."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from executor.rig import have_root
from openstack.identity import PASSWORD, IdentityStandIn, identity
from openstack.scripts import stack
from openstack.scripts.machine import ScriptedMachine
from openstack.trees import SITE, desired_of, make_trees
from understudy.cli import understudy
from understudy.cli.understudy import openstack
from understudy.errors import BadInput
from understudy.lab import image, kernel
from understudy.openstack.core.compare import Comparison
from understudy.openstack.core.endpoints import SERVER, FoundEndpoints, endpoints_alone, request_for, same_value, state_of
from understudy.openstack.core.plan import title
from understudy.openstack.core.states import Absent, OtherState, PlaceState, ValuesState
from understudy.openstack.core.wanted import WantedEndpoint
from understudy.openstack.ground import NotDone, NotReached, ServerGround, Tree
from understudy.openstack.kept import FormerStates
from understudy.openstack.keystone import AdminLogin, Keystone
from understudy.openstack.releases import load_release
from understudy.openstack.work import RunOutcome, apply, look, undo_endpoints

T = TypeVar("T")
ADDRESS = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.13"
"""On loopback, where no other run on this machine listens at this time."""
REGION = "Elsewhere"
"""One that nobody else has."""
IMAGE, VOLUME = (
    WantedEndpoint(
        name=name,
        type=kind,
        region=REGION,
        urls={which: f"http://10.1.1.{last}:{port}{path}" for last, which in enumerate(kinds, 1)},
        commands=(),
    )
    for name, kind, port, path, kinds in (
        ("pictures", "image-of-a-test", 9292, "", ("public", "internal", "admin")),
        ("volumes", "volume-of-a-test", 8776, "/v3/%(project_id)s", ("public", "internal")),
    )
)
WANTED = endpoints_alone((IMAGE, VOLUME))
PLACES = tuple((item.place, False) for item in WANTED.servers[SERVER])


class InNetwork:
    """A way to Keystone whose sockets are opened in the network of another process."""

    def __init__(self, ground: ServerGround, network: Path) -> None:
        self._ground, self._network = ground, network

    def _visit(self, work: Callable[[], T]) -> T:
        results: list[T] = []
        errors: list[BaseException] = []

        def visit() -> None:
            try:
                with self._network.open() as door:
                    kernel.setns(door.fileno(), kernel.CLONE_NEWNET)
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                errors.append(error)

        thread = threading.Thread(target=visit)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        return self._visit(lambda: self._ground.look(places))

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        return self._visit(lambda: self._ground.put(place, before, after))

    def settle(self) -> None:
        pass

    def close(self) -> None:
        self._ground.close()


@pytest.fixture(scope="module")
def real() -> Iterator[ServerGround]:
    """Debian's Keystone, with its database, on a machine of its own."""
    if not have_root():
        pytest.skip("needs root")
    with ScriptedMachine(image.SETS["openstack"]) as machine:
        machine.settings(MYSQL_DATA_PATH="/var/lib/mysql")
        machine.shell(stack.configure())
        machine.does("mysqld", "start")
        machine.does("memcached", "start")
        machine.shell(stack.databases("keystone"))
        for step in (stack.KEYSTONE_TABLES, stack.KEYSTONE_KEYS, stack.KEYSTONE_BOOTSTRAP):
            machine.run("sh", "-ec", step)
        machine.does("openstack-keystone", "start")
        url = f"http://{stack.KEYSTONE}:5000/v3"
        login = AdminLogin(url=url, user="admin", project="admin", domain="Default", password=stack.PASSWORD)
        yield InNetwork(Keystone(login), machine.network)


def keystone_at(url: str, answer_s: float = 10.0, password: str = PASSWORD) -> Keystone:
    return Keystone(AdminLogin(url=url, user="admin", project="admin", domain="Default", password=password), answer_s=answer_s)


@pytest.fixture
def standin() -> Iterator[tuple[IdentityStandIn, str]]:
    with identity() as made:
        yield made


@pytest.fixture(params=["standin", pytest.param("real", marks=[pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)])])
def ground(request: pytest.FixtureRequest) -> ServerGround:
    if request.param == "real":
        found: ServerGround = request.getfixturevalue("real")
        return found
    return keystone_at(request.getfixturevalue("standin")[1])


@dataclass
class CatalogueRun:
    """A run of apply or undo, with former versions of its own."""

    ground: ServerGround
    kept: FormerStates

    def apply(self) -> RunOutcome:
        with self.kept.held():
            return apply(WANTED, {SERVER: self.ground}, self.kept, silent)[0]

    def undo(self, force: bool = False) -> RunOutcome:
        with self.kept.held():
            return undo_endpoints(self.kept, self.ground, silent, force=force)

    def verdicts(self) -> set[Comparison]:
        return {item.verdict for item in look(WANTED, {SERVER: self.ground}).judged}


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


@pytest.fixture
def run(ground: ServerGround, place: Path) -> Iterator[CatalogueRun]:
    made = CatalogueRun(ground, FormerStates(place / "kept"))
    yield made
    made.undo(force=True)


def values(place: str, **more: str) -> ValuesState:
    """What is there at first, in these tests."""
    return ValuesState(values={"enabled": "yes", **more})


def test_all_are_made_once_and_taken_back(run: CatalogueRun) -> None:
    """Regions, services, endpoints; a second run has nothing to do; afterwards nothing of it is left."""
    before = run.ground.look(PLACES)
    assert set(before.values()) == {Absent()}
    assert run.verdicts() == {Comparison.MISSING}
    assert (len(run.apply().done), run.apply().done) == (len(PLACES), [])
    assert run.verdicts() == {Comparison.RIGHT}
    found = run.ground.look([("service image-of-a-test", False), (f"endpoint volume-of-a-test public {REGION}", False)])
    assert found == {
        "service image-of-a-test": values("", name="pictures"),
        f"endpoint volume-of-a-test public {REGION}": values("", url="http://10.1.1.1:8776/v3/%(project_id)s"),
    }
    outcome = run.undo()
    assert (len(outcome.done), outcome.left) == (len(PLACES), [])
    assert run.ground.look(PLACES) == before


def test_what_is_wrong_is_changed_and_put_back_and_what_is_right_stays(run: CatalogueRun) -> None:
    """An address, a service that is switched off; another name of the service is somebody's choice."""
    public, internal = (f"endpoint image-of-a-test {which} {REGION}" for which in ("public", "internal"))
    for place, state in (
        (f"region {REGION}", ValuesState(values={})),
        ("service image-of-a-test", ValuesState(values={"name": "by hand", "enabled": "no"})),
        (public, values("", url="http://old.example.com:9292")),
        (internal, values("", url="http://10.1.1.2:9292/")),
    ):
        assert run.ground.put(place, Absent(), state)
        assert not run.ground.put(place, Absent(), state)
    before = run.ground.look(PLACES)
    assert run.verdicts() == set(Comparison) - {Comparison.UNKNOWN}
    assert run.apply().left == []
    assert run.verdicts() == {Comparison.RIGHT}
    found = run.ground.look(PLACES)
    assert found[internal] == before[internal]
    assert found["service image-of-a-test"] == values("", name="by hand")
    assert found[public] == values("", url="http://10.1.1.1:9292")
    assert run.undo().left == []
    assert run.ground.look(PLACES) == before
    for place in (public, internal, "service image-of-a-test", f"region {REGION}"):
        run.ground.put(place, before[place], Absent())


def test_what_somebody_else_has_changed_since_stays(run: CatalogueRun) -> None:
    """Undo says so; with force it goes as well. A plan that is out of date is refused."""
    run.apply()
    place = f"endpoint image-of-a-test public {REGION}"
    ours, theirs = values("", url="http://10.1.1.1:9292"), values("", url="http://theirs.example.com")
    assert run.ground.put(place, ours, theirs)
    with pytest.raises(NotDone, match="was changed by somebody else meanwhile"):
        run.ground.put(place, ours, Absent())
    left = run.undo().left
    assert [item.place for item in left] == [place, "service image-of-a-test", f"region {REGION}"]
    assert "somebody else has changed it since; -f" in left[0].cause
    assert left[1].cause == "service image-of-a-test stays: 1 endpoints of somebody else belong to it"
    assert run.undo(force=True).left == []
    assert set(run.ground.look(PLACES).values()) == {Absent()}


# --- against the stand-in alone: what goes wrong on the way


def test_an_answer_that_is_lost_is_no_second_entry(standin: tuple[IdentityStandIn, str], place: Path) -> None:
    """It may have been made; the next run looks."""
    keystone, url = standin
    run = CatalogueRun(keystone_at(url), FormerStates(place / "kept"))
    keystone.loses_answers = 1
    assert {item.server for item in run.apply().left} == {SERVER}
    assert run.apply().left == []
    assert run.verdicts() == {Comparison.RIGHT}
    assert len(keystone.entries["endpoints"]) == 5
    keystone.loses_answers = 1
    assert run.undo().left
    assert run.undo().left == []
    assert not any(keystone.entries.values())


def test_a_token_that_has_ended_is_fetched_again(standin: tuple[IdentityStandIn, str], place: Path) -> None:
    """In the middle of a run."""
    keystone, url = standin
    ground = keystone_at(url)
    ground.look(PLACES)
    keystone.end_tokens()
    assert ground.put(f"region {REGION}", Absent(), ValuesState(values={}))


def test_several_entries_where_one_belongs_are_named(standin: tuple[IdentityStandIn, str]) -> None:
    """Nobody says which is meant."""
    keystone, url = standin
    for number in range(2):
        keystone.entries["services"][str(number)] = {"id": str(number), "type": "image-of-a-test", "name": "x", "enabled": True}
    (state,) = keystone_at(url).look([("service image-of-a-test", False)]).values()
    assert state == OtherState(what="Keystone has 2 of them (0, 1); delete those that are too much")


@pytest.mark.parametrize(
    ("said", "answer_s", "password"),
    [("has not answered for 0 s", 0.3, PASSWORD), ("gives user admin of project admin no token: 401", 10, "wrong")],
)
def test_a_keystone_that_gives_nothing_is_said_to_be_so(
    standin: tuple[IdentityStandIn, str], said: str, answer_s: float, password: str
) -> None:
    """Within its time, with the cause, and without the password."""
    keystone, url = standin
    if answer_s < 1:
        keystone.hangs.clear()
    began = time.monotonic()
    with pytest.raises(NotReached, match=said) as caught:
        keystone_at(url, answer_s, password).look(PLACES)
    assert time.monotonic() - began < 10
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nothing of HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]", b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"],
)
def test_whatever_else_listens_there_is_no_keystone(answer: bytes) -> None:
    """It is said, and nothing else is done."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotReached, match="Keystone at http"):
            keystone_at(f"http://127.0.0.1:{listener.getsockname()[1]}/v3").look(PLACES)
        thread.join(10)


def test_nobody_there_is_left_for_later(place: Path) -> None:
    """The cause is said, and the same command goes on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (left,) = CatalogueRun(keystone_at(f"http://127.0.0.1:{port}/v3"), FormerStates(place / "kept")).apply().left
    assert left.server == SERVER
    where = f"http://127.0.0.1:{port}/v3"
    assert left.cause == f"Keystone at {where} cannot be asked: Connection refused; start it, and give the same command again"


# --- the decisions


def test_each_entry_is_named_after_what_it_needs() -> None:
    """Of a release: regions, services, endpoints, with the addresses of the site."""
    wanted = endpoints_alone(desired_of("zed").endpoints).servers[SERVER]
    kinds = [item.place.partition(" ")[0] for item in wanted]
    assert kinds == sorted(kinds, key=("region", "service", "endpoint").index)
    assert kinds.count("endpoint") == 3 * kinds.count("service")
    planned = look(endpoints_alone((IMAGE,)), {SERVER: Everything()})
    assert [title(step) for step in planned.steps] == ["make endpoint image-of-a-test admin Elsewhere: http://10.1.1.3:9292"]


class Everything:
    """A Keystone that has all but one."""

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        found: dict[str, PlaceState] = {}
        for place, _ in places:
            urls = {which: url for which, url in IMAGE.urls.items() if f" {which} " in place and which != "admin"}
            made = values("", url=next(iter(urls.values()))) if urls else ValuesState(values={"enabled": "yes"})
            found[place] = Absent() if " admin " in place else made
        return found

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        raise NotImplementedError

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_two_spellings_of_an_address_are_one() -> None:
    """A slash at its end, and what Keystone called a project before."""
    assert same_value("url", "http://x/v3/$(tenant_id)s", "http://x/v3/%(project_id)s/")
    assert not same_value("url", "http://x:1", "http://x:2")
    assert not same_value("name", "x/", "x")


def test_a_request_names_what_is_in_its_way() -> None:
    """Nothing is guessed."""
    found = FoundEndpoints(regions=({"id": "R"},), services=(), endpoints=({"id": "e", "region_id": "R", "service_id": "s"},))
    with pytest.raises(BadInput, match="region R stays: 1 endpoints of somebody else"):
        request_for("region R", Absent(), found)
    with pytest.raises(BadInput, match="0 services of type image"):
        request_for("endpoint image public R", values("", url="http://x"), found)
    with pytest.raises(BadInput, match="cannot be made that"):
        request_for("region R", OtherState(what=""), found)
    assert request_for("region a/b", ValuesState(values={}), found) == ("POST", "/regions", {"region": {"id": "a/b"}})
    odd = FoundEndpoints(regions=(), services=({"id": "a/b", "type": "t", "name": None},), endpoints=())
    assert request_for("service t", Absent(), odd) == ("DELETE", "/services/a%2Fb", None)
    assert state_of("service t", odd) == values("", name="")


@pytest.fixture
def prepared(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trees in the place of the servers, no cluster, and a Keystone that would be on loopback."""
    make_trees(place / "trees", "zed")
    names = load_release("zed").secrets()
    (place / "secrets").write_text("".join(f"{name}={PASSWORD}\n" for name in (*names, "keystone_admin")))
    (place / "secrets").chmod(0o600)
    lines = "".join(f'{name} = "file:{place}/secrets#{name}"\n' for name in (*names, "keystone_admin"))
    text = SITE.replace("RELEASE", "zed").replace("10.10.10.0/24", "127.0.0.0/8").replace('"10.10.10.', '"127.0.0.')
    text = text.replace('keystone = "127.0.0.13"', f'keystone = "{ADDRESS}"')
    (place / "site.toml").write_text(f"{text}[credentials]\n{lines}")
    monkeypatch.setattr(openstack, "_grounds", lambda *_: {name: Tree(place / "trees" / name) for name in ("ctr1", "ctr2", "ctr3")})
    monkeypatch.setattr(openstack, "_registrar", lambda _: None)
    return place


def typed(place: Path, capsys: pytest.CaptureFixture[str], command: str, *more: str) -> tuple[int, str]:
    """Its exit status, and all that it said."""
    status = understudy.main(["openstack", command, "--site", f"{place}/site.toml", "--state", f"{place}/state", *more])
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err
    return status, said.out + said.err


def test_the_commands_make_compare_and_take_back(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Left while nobody answers, with the cause; made by the same command once Keystone runs; and gone again."""
    why = f"UND-0436: Not done: {SERVER}: Keystone at http://{ADDRESS}:5000/v3 cannot be asked: Connection refused; start it"
    status, said = typed(prepared, capsys, "apply")
    assert (status, why in said) == (1, True), said[-500:]
    assert typed(prepared, capsys, "verify")[0] == 2
    with identity(ADDRESS, 5000) as (keystone, _):
        status, said = typed(prepared, capsys, "plan")
        assert (status, "make service identity" in said, "by hand" in said) == (0, True, False)
        assert said.splitlines()[-1].endswith("entries of Keystone's catalogue: understudy openstack apply")
        assert typed(prepared, capsys, "verify")[0] == 1
        status, said = typed(prepared, capsys, "apply")
        assert (status, f"done  {SERVER}  make endpoint identity public RegionOne: http://{ADDRESS}:5000/v3/" in said) == (0, True)
        assert {entry["type"] for entry in keystone.entries["services"].values()} >= {"identity", "image", "compute"}
        assert typed(prepared, capsys, "verify")[0] == 0
        assert "UND-0435: Nothing is to be done." in typed(prepared, capsys, "plan")[1]
        assert typed(prepared, capsys, "undo")[0] == 0
        assert not any(keystone.entries.values())


def test_without_the_password_the_commands_are_printed(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As ever; what was made by it is said to stay when it is gone from the site file."""
    with identity(ADDRESS, 5000):
        typed(prepared, capsys, "apply")
        site = prepared / "site.toml"
        site.write_text("".join(line for line in site.read_text().splitlines(keepends=True) if "keystone_admin" not in line))
        assert "openstack service create --name keystone identity" in typed(prepared, capsys, "plan")[1]
        assert json.loads(typed(prepared, capsys, "plan", "--json")[1])["to_make"] is None
        status, said = typed(prepared, capsys, "undo")
        assert (status, "there is nothing by which Keystone could be asked" in said) == (1, True)
