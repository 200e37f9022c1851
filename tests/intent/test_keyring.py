"""What an exchange of the guards' key has a server do, and what is written down of it after the registry was set back."""

from dataclasses import replace

import pytest

from understudy.intent.keyring import FORGOTTEN_MOST, keys_of, now_forgotten, ring, said_again, unrecorded
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Life
from understudy.model.view import ClusterRecord, IncarnationRecord, KeyRotation, KeyStep, Look, View

A, B, C = map(ServerName, ("ctr1", "ctr2", "ctr3"))
OLDER, OLD, NEW = "key-before", "key-old", "key-new"
ERA = 2


def seen(has: dict[ServerName, tuple[str, ...]], rotation: KeyRotation | None = None, era: int = ERA, life: Life = Life.ONLINE) -> View:
    """Servers that are there and have said which keys they have in an era; the registry is in its second."""
    incarnations = {server: Incarnation(f"{number:032x}") for number, server in enumerate(has, 1)}
    records = [IncarnationRecord(incarnation=incarnation, server=server, life=life) for server, incarnation in incarnations.items()]
    return View(
        cluster=ClusterRecord(name="test", voters=(A, B, C), era=ERA, rotation=rotation),
        incarnations={record.incarnation: record for record in records},
        looks={server: Look(server=server, incarnation=incarnations[server], era=era, keys=keys) for server, keys in has.items()},
    )


@pytest.mark.parametrize(
    ("present", "step", "wanted"),
    [
        ((OLD,), KeyStep.FORGET, (OLD,)),  # it has not got the new one yet
        ((OLD, NEW), KeyStep.ACCEPT, (OLD, NEW)),
        ((OLD, NEW), KeyStep.SEND, (NEW, OLD)),
        ((NEW, OLD), KeyStep.FORGET, (NEW,)),
        ((NEW, OLD), KeyStep.ACCEPT, (NEW, OLD)),  # the registry was set back; others may have forgotten the old one
        ((NEW,), KeyStep.ACCEPT, (NEW,)),
        ((NEW,), KeyStep.SEND, (NEW,)),
    ],
)
def test_a_step_never_leads_back(present: tuple[str, ...], step: KeyStep, wanted: tuple[str, ...]) -> None:
    assert ring(KeyRotation(key=NEW, step=step), present) == wanted


def test_names_of_forgotten_keys_have_a_bound() -> None:
    """The newest stay."""
    many = [f"key{number}" for number in range(FORGOTTEN_MOST)]
    assert now_forgotten((), (OLD, NEW), (NEW,)) == (OLD,)
    assert now_forgotten((OLD,), (OLD, NEW), (NEW,)) == (OLD,)
    assert now_forgotten(many, (OLD, NEW), (NEW,)) == (*many[1:], OLD)


@pytest.mark.parametrize(
    ("has", "rotation", "written"),
    [
        ({A: (NEW,), B: (NEW,)}, None, (NEW, KeyStep.FORGET)),
        ({A: (NEW,), B: (NEW,)}, KeyRotation(key=OLD, step=KeyStep.FORGET), (NEW, KeyStep.FORGET)),
        ({A: (NEW,), B: (NEW,)}, KeyRotation(key=NEW, step=KeyStep.ACCEPT), (NEW, KeyStep.FORGET)),
        ({A: (NEW,), B: (NEW, OLD)}, None, (NEW, KeyStep.FORGET)),
        ({A: (NEW, OLD), B: (OLD, NEW)}, None, (NEW, KeyStep.SEND)),
        ({A: (NEW,), B: (NEW,)}, KeyRotation(key=NEW, step=KeyStep.FORGET), None),  # it says so
        ({A: (NEW,), B: (NEW,)}, KeyRotation(key="key-newest", step=KeyStep.ACCEPT), None),  # an exchange that has just begun
        ({A: (NEW,), B: (OLDER,)}, None, None),
        ({A: (NEW,), B: ()}, None, None),  # one has not said it
    ],
)
def test_what_all_have_is_written_down(
    has: dict[ServerName, tuple[str, ...]], rotation: KeyRotation | None, written: tuple[str, KeyStep] | None
) -> None:
    """By a leader that has forgotten the old one; and once it is written, nothing more."""
    view = seen(has, rotation)
    assert unrecorded(view, has[A], (OLDER, OLD)) == written
    if written is not None:
        assert unrecorded(replace(view, cluster=said_again(view, *written, {})), has[A], (OLDER, OLD)) is None


def test_what_was_said_before_the_registry_went_back_does_not_count() -> None:
    view = seen({A: (NEW,), B: (NEW,)}, era=ERA - 1)
    assert keys_of(view, A) == ()
    assert unrecorded(view, (NEW,), (OLD,)) is None


def test_nothing_is_written_down_without_an_exchange_or_too_early() -> None:
    """A cluster that has its first key; and one in which it is not known yet what runs where."""
    view = seen({A: (NEW,), B: (NEW,)})
    assert view.cluster is not None
    assert unrecorded(view, (NEW,), ()) is None
    assert unrecorded(replace(view, cluster=replace(view.cluster, recovering=True)), (NEW,), (OLD,)) is None


def test_who_is_gone_is_not_asked() -> None:
    """It gets the key when it is back."""
    here, gone = seen({A: (NEW,)}), seen({A: (NEW,), B: (OLD, NEW)}, life=Life.FENCED)
    incarnations = {**gone.incarnations, **here.incarnations}
    assert unrecorded(replace(gone, incarnations=incarnations), (NEW,), (OLD,)) == (NEW, KeyStep.FORGET)
