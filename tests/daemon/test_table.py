"""The table and the blocks to the character, from views written by hand."""

from understudy.daemon.text import blocks
from understudy.daemon.text.tables import HEADER, table
from understudy.intent.facts import Instance, instances
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Internal, Life, State, Target
from understudy.model.types import network_definition
from understudy.model.view import Assignment as Given
from understudy.model.view import Definition, Holder, IncarnationRecord, Report, TargetRecord, View


def incarnation(server: str, life: Life = Life.ONLINE) -> IncarnationRecord:
    """A server's present incarnation."""
    return IncarnationRecord(incarnation=Incarnation(f"{server}-1"), server=ServerName(server), life=life)


def report(name: str, server: str, state: State = State.ONLINE, **more: object) -> Report:
    """What a lane wrote."""
    return Report(
        resource=ResourceName(name),
        server=ServerName(server),
        incarnation=Incarnation(f"{server}-1"),
        epoch=1,
        state=state,
        **more,  # type: ignore[arg-type]
    )


def view(*reports: Report, wanted: tuple[str, ...] = (), lost: str = "") -> View:
    """Two servers, a network, and three resources."""
    names = ("mysqld", "mysqlVIP", "Zabbix-server-with-a-long-name.resource")
    definitions = [
        Definition(name=ResourceName(name), type=TypeName("cluster_resource"), uid=name, attributes={"ACL": "owner:root:rwx"})
        for name in names
    ]
    definitions.append(network_definition(1, "10.10.10.0/24", "eth1", "net"))
    told: dict[ResourceName, dict[ServerName, Report]] = {}
    for known in reports:
        told.setdefault(known.resource, {})[known.server] = known
    lives = [incarnation(name, Life.LOST if name == lost else Life.ONLINE) for name in ("rac1", "rac2")]
    return View(
        incarnations={record.incarnation: record for record in lives},
        resources={definition.name: resolve(definition, {}) for definition in definitions},
        reports=told,
        targets={ResourceName(name): TargetRecord(target=Target.ONLINE) for name in wanted},
    )


def shown(known: View) -> list[Instance]:
    """Every instance."""
    return [instance for resource in known.resources.values() for instance in instances(known, resource)]


def test_the_table_is_oracles_to_the_character() -> None:
    """Header of 81 characters, lines of 80 dashes, names alone and never cut, byte order, wrapped details."""
    known = view(
        report("ora.net1.network", "rac1"),
        report("ora.net1.network", "rac2", State.OFFLINE),
        report("mysqlVIP", "rac1", details="mounted on /opt/oracle/dcs/commonstore"),
        report("Zabbix-server-with-a-long-name.resource", "rac2", State.INTERMEDIATE, details="CHECK TIMED OUT"),
        wanted=("ora.net1.network", "mysqlVIP", "Zabbix-server-with-a-long-name.resource"),
    )

    # Stars stand for blanks at the end of a line, which editors take away.
    assert table(shown(known)) == (
        """\
--------------------------------------------------------------------------------
Name           Target  State        Server                   State details*******
--------------------------------------------------------------------------------
Local Resources
--------------------------------------------------------------------------------
ora.net1.network
               ONLINE  ONLINE       rac1                     STABLE
               ONLINE  OFFLINE      rac2                     STABLE
--------------------------------------------------------------------------------
Cluster Resources
--------------------------------------------------------------------------------
Zabbix-server-with-a-long-name.resource
      1        ONLINE  INTERMEDIATE rac2                     CHECK TIMED OUT,STAB
                                                             LE
mysqlVIP
      1        ONLINE  ONLINE       rac1                     mounted on /opt/orac
                                                             le/dcs/commonstore,S
                                                             TABLE
mysqld
      1        OFFLINE OFFLINE                               STABLE
--------------------------------------------------------------------------------""".replace("*", " ")
    )
    assert len(HEADER) == 81


def test_an_empty_section_is_left_out() -> None:
    """And a table of nothing is its header."""
    known = view()
    cluster = [instance for instance in shown(known) if not instance.resource.local]

    assert "Local Resources" not in table(cluster)
    assert table([]).splitlines()[-1] == "-" * 80


def test_an_action_in_progress_shows_where() -> None:
    """STARTING on a server, though it is OFFLINE."""
    known = view(report("mysqld", "rac2", State.OFFLINE, internal=Internal.STARTING), wanted=("mysqld",))

    assert "      1        ONLINE  OFFLINE      rac2                     STARTING" in table(shown(known))


def test_what_a_lost_server_said_counts_no_more() -> None:
    """Its resources are shown OFFLINE, and it has no instance of a local one."""
    known = view(report("mysqld", "rac1"), report("ora.net1.network", "rac1"), wanted=("mysqld",), lost="rac1")

    text = table(shown(known))

    assert "rac1" not in text
    assert "mysqld\n      1        ONLINE  OFFLINE                               STABLE" in text


def test_what_runs_is_shown_wherever_it_belongs() -> None:
    """While it is handed over, the old holder still runs it."""
    known = view(report("mysqld", "rac1"), report("mysqld", "rac2", State.OFFLINE), wanted=("mysqld",))
    owner = Holder(server=ServerName("rac2"), incarnation=Incarnation("rac2-1"), epoch=2)
    given = Given(resource=ResourceName("mysqld"), epoch=2, owner=owner)
    handed = View(**{**{name: getattr(known, name) for name in known.__slots__}, "assignments": {given.resource: given}})

    (instance,) = instances(handed, handed.resources[ResourceName("mysqld")])

    assert (instance.state_text, instance.target_server) == ("ONLINE on rac1", "rac2")


def test_several_instances_are_joined_and_padded() -> None:
    """Each TARGET as wide as its STATE, but for the last."""
    known = view(report("ora.net1.network", "rac1"), report("ora.net1.network", "rac2", State.OFFLINE), wanted=("ora.net1.network",))

    assert blocks.blocks([blocks.short(instances(known, known.resources[ResourceName("ora.net1.network")]))]) == (
        "NAME=ora.net1.network\nTYPE=ora.network.type\nTARGET=ONLINE        , ONLINE\nSTATE=ONLINE on rac1, OFFLINE"
    )


def test_the_profile_is_in_ascii_order() -> None:
    """Underscore sorts after capital letters; scoped values stand behind their attribute."""
    definition = Definition(
        name=ResourceName("r"),
        type=TypeName("cluster_resource"),
        uid="r",
        attributes={"LOAD@SERVERNAME(rac1)": "5", "ACL": "owner:root:rwx"},
    )
    resource = resolve(definition, {})
    names = [name for name, _ in blocks.profile(instances(View(resources={resource.name: resource}), resource))]

    assert names[:2] == ["NAME", "TYPE"]
    assert names[2:] == sorted(names[2:])
    assert names.index("ACTIONS") < names.index("ACTION_SCRIPT")
    assert names.index("USER_WORKLOAD") < names.index("USE_STICKINESS")
    assert names.index("LOAD@SERVERNAME(rac1)") == names.index("LOAD") + 1


def test_times_are_months_first_and_never_is_empty() -> None:
    """As crsctl has them."""
    assert blocks.wall_text(1_400_000_000.0) == "05/13/2014 16:53:20"
    assert blocks.wall_text(0.0) == ""
