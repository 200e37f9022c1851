"""What may be shown of a View: a report outlives its server's lease in the registry, and must not outlive it in what a command says."""

from dataclasses import replace

from policy.test_conditions import GUARD, LIVES, ME, NAMES, NEW, VIEW, WELL, heard
from understudy.model.conditions import LastMessage, Lease, Own
from understudy.model.names import ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Internal, State
from understudy.model.view import Definition, Look, Report, Unable, View
from understudy.policy.conditions import lease_of
from understudy.policy.instances import instances
from understudy.policy.vouched import NO_LEASE, NOT_YET, age_of, vouched

DB = ResourceName("db")
CTR2 = NAMES[1]


def runs(server: ServerName, state: State = State.ONLINE) -> View:
    """The registry's word."""
    report = Report(resource=DB, server=server, incarnation=LIVES[server], epoch=1, state=state)
    return replace(VIEW, reports={DB: {server: report}})


def said(view: View, own: Own, server: ServerName) -> tuple[State, str]:
    """State and details, as they are shown."""
    report = vouched(view, own).reports[DB][server]
    return report.state, report.details


LAPSED = replace(WELL, guard=NEW, held=False, leader_silent_s=None)


def test_what_all_vouch_for_is_the_view_itself() -> None:
    """No new View is made where nothing is to be said."""
    view = runs(CTR2)

    assert vouched(view, WELL) is view


def test_after_a_lapse_what_ran_here_is_offline() -> None:
    """Whatever the registry's report says: everything was stopped before the lease ended."""
    assert said(runs(ME), LAPSED, ME) == (State.OFFLINE, NO_LEASE)
    assert lease_of(VIEW, LAPSED, ME) is Lease.OVER


def test_of_a_server_that_nobody_hears_or_looks_after_nothing_is_known() -> None:
    """It may have no power, or run on beyond a cut."""
    own = replace(LAPSED, guard=replace(NEW, last_messages=heard(ctr2=31.0)))

    assert said(runs(CTR2), own, CTR2) == (State.UNKNOWN, "WAS ONLINE 31 s AGO")
    assert age_of(VIEW, own, CTR2) == (31.5, Lease.UNHEARD)


def test_an_unheard_server_is_the_leaders_business_while_one_leads() -> None:
    """Its proof comes within seconds, and with it the report's end."""
    own = replace(WELL, guard=replace(GUARD, last_messages=heard(ctr2=31.0)))

    assert said(runs(CTR2), own, CTR2) == (State.ONLINE, "")


def test_another_servers_new_life_has_stopped_what_the_old_one_ran() -> None:
    """Its guard says so itself, though the registry does not know yet."""
    own = replace(WELL, guard=replace(GUARD, last_messages={CTR2: LastMessage(incarnation=NEW.incarnation, age_s=0.1)}))

    assert said(runs(CTR2), own, CTR2) == (State.OFFLINE, NO_LEASE)


def test_what_a_server_that_cannot_act_said_last_is_marked() -> None:
    """Its lease holds, so what ran may run; but nobody there looks at it."""
    view = replace(runs(CTR2), unable={LIVES[CTR2]: Unable(server=CTR2, why="its daemon does not answer", since=0.0)})

    assert said(view, WELL, CTR2) == (State.ONLINE, "SERVER CANNOT ACT")


def test_while_the_registry_is_away_the_others_are_shown_with_their_age() -> None:
    """They hold their leases, so what ran runs; this server's own lanes know better than what was written."""
    fresh = Report(resource=DB, server=ME, incarnation=LIVES[ME], epoch=1, state=State.OFFLINE, internal=Internal.STARTING)
    own = replace(WELL, registry_away_s=40.0, reports={DB: fresh})

    assert said(runs(CTR2), own, CTR2) == (State.ONLINE, "40 s old")
    assert said(runs(ME), own, ME) == (State.OFFLINE, "")
    assert vouched(runs(ME), own).reports[DB][ME] is fresh


def test_a_local_resource_is_unknown_where_it_was_not_checked_yet() -> None:
    """A server that has just joined has not looked at its network: that is not the same as a network that is down."""
    network = resolve(Definition(name=ResourceName("net"), type=TypeName("local_resource"), uid="net"), {})
    view = replace(VIEW, resources={network.name: network})
    looked = Look(server=CTR2, incarnation=LIVES[CTR2], looked={network.name: network.uid}, era=view.era)

    shown = vouched(replace(view, looks={CTR2: looked}), WELL)

    found = {instance.server: (instance.state, instance.details) for instance in instances(shown, network)}
    assert found[ME] == (State.UNKNOWN, NOT_YET)
    assert found[CTR2] == (State.OFFLINE, "")
