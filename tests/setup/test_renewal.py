"""A certificate is renewed before it ends, for real: TLS over loopback, by a voter, without a token."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from setup.test_join import Made, address_of, made, serving  # noqa: F401 - `made` is a fixture
from understudy.errors import Refused
from understudy.model.settings import Settings
from understudy.security.authority import Authority
from understudy.security.certificates import look
from understudy.security.keyfiles import KeyFiles
from understudy.setup.renew import is_due, is_ours, renew

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the ports from which servers join")


def keys_of(made: Made, name: str) -> KeyFiles:  # noqa: F811
    """Of one of the servers."""
    return KeyFiles(made.places_of(name).keys)


def aged(made: Made, name: str, days: int) -> KeyFiles:  # noqa: F811
    """Its certificate was made so many days ago."""
    keys, first = keys_of(made, name), keys_of(made, "ctr1")
    then = datetime.now(UTC) - timedelta(days=days)
    authority = Authority.load(Path(first.authority).read_text(), Path(first.authority_key).read_text(), then)
    issued = authority.issue(name, [address_of(name)])
    Path(keys.certificate).write_text(issued.certificate)
    Path(keys.key).write_text(issued.key)
    return keys


@pytest.mark.parametrize(("days", "due"), [(0, False), (480, False), (490, True), (729, True)])
def test_it_is_time_after_two_thirds_of_its_life(days: int, due: bool, made: Made) -> None:  # noqa: F811
    """Of two years; one that has ended is past help."""
    assert is_due(aged(made, "ctr1", days)) is due


def test_who_has_the_authoritys_key_signs_by_himself(made: Made) -> None:  # noqa: F811
    """With the same key: what was sealed for it can still be opened."""
    keys = aged(made, "ctr1", 700)
    key = Path(keys.key).read_text()
    assert is_ours(made.settings, keys)

    renew(made.settings, keys)

    assert not is_due(keys)
    assert Path(keys.key).read_text() == key
    assert look(Path(keys.certificate).read_text()).addresses == {address_of("ctr1")}


async def joined(made: Made, name: str) -> Settings:  # noqa: F811
    """Another server, by a token."""
    return await asyncio.to_thread(made.join, name, made.token())


async def test_another_server_is_given_one_for_the_certificate_that_it_has(made: Made) -> None:  # noqa: F811
    """ctr4 is no voter. Somebody else's certificate is of no use from there, and one that has ended neither."""
    async with serving(made):
        settings = await joined(made, "ctr4")
        keys = aged(made, "ctr4", 700)

        await asyncio.to_thread(renew, settings, keys)

        assert not is_due(keys)
        assert look(Path(keys.certificate).read_text()).name == "ctr4"

        stolen = aged(made, "ctr4", 700)
        theirs = aged(made, "ctr1", 0)
        Path(stolen.certificate).write_text(Path(theirs.certificate).read_text())
        Path(stolen.key).write_text(Path(theirs.key).read_text())
        with pytest.raises(Refused, match="without a certificate for the server at that address"):
            await asyncio.to_thread(renew, settings, stolen)

        ended = aged(made, "ctr4", 800)
        with pytest.raises(Refused, match="No answer"):
            await asyncio.to_thread(renew, settings, ended)
