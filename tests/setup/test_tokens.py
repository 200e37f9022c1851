"""The tokens that were given out: each counts once, whatever happens in between."""

import concurrent.futures
import os
from pathlib import Path

import pytest

from understudy.errors import BadInput
from understudy.setup import tokens
from understudy.setup.tokens import MOST_OPEN, REMEMBERED_S, TokenStore, TokenVerdict

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(f"{tmp_path}/state/tokens.json")


def test_a_token_counts_once(store: TokenStore) -> None:
    secret = store.issue(3600, NOW)
    assert store.look(secret, NOW) is TokenVerdict.GOOD
    assert store.use(secret, "ctr2", NOW) is TokenVerdict.GOOD
    assert store.use(secret, "ctr2", NOW) is TokenVerdict.USED
    assert store.look(secret, NOW) is TokenVerdict.USED


def test_a_token_survives_the_process_and_only_as_a_hash(store: TokenStore, tmp_path: Path) -> None:
    secret = store.issue(3600, NOW)
    path = tmp_path / "state/tokens.json"
    assert TokenStore(str(path)).look(secret, NOW) is TokenVerdict.GOOD
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret.hex() not in path.read_text()


def test_a_token_ends(store: TokenStore) -> None:
    """And is known for a day longer, so that its bearer learns why."""
    secret = store.issue(3600, NOW)
    assert store.use(secret, "ctr2", NOW + 3600) is TokenVerdict.EXPIRED
    store.issue(3600, NOW + 3600 + REMEMBERED_S + 1)
    assert store.look(secret, NOW + 3600 + REMEMBERED_S + 1) is TokenVerdict.UNKNOWN


def test_a_secret_that_nobody_gave_out_is_unknown(store: TokenStore) -> None:
    assert store.look(bytes(16), NOW) is TokenVerdict.UNKNOWN
    store.issue(3600, NOW)
    assert store.use(bytes(16), "ctr2", NOW) is TokenVerdict.UNKNOWN


def test_there_are_not_more_than_somebody_can_use(store: TokenStore) -> None:
    first = store.issue(60, NOW)
    for _ in range(MOST_OPEN - 1):
        store.issue(3600, NOW)
    with pytest.raises(BadInput, match="wait to be used"):
        store.issue(3600, NOW)
    assert store.use(first, "ctr2", NOW) is TokenVerdict.GOOD
    store.issue(3600, NOW)


def test_of_many_who_use_it_at_once_one_succeeds(store: TokenStore) -> None:
    secret = store.issue(3600, NOW)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda number: store.use(secret, f"ctr{number}", NOW), range(8)))
    assert verdicts.count(TokenVerdict.GOOD) == 1
    assert verdicts.count(TokenVerdict.USED) == 7


def test_a_token_whose_use_cannot_be_written_is_not_used(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: nobody is let in, and the token stays good."""
    secret = store.issue(3600, NOW)

    def full(_: object) -> bool:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(tokens, "write_file", full)
        with pytest.raises(OSError, match="No space left"):
            store.use(secret, "ctr2", NOW)
    assert store.use(secret, "ctr2", NOW) is TokenVerdict.GOOD


def test_a_damaged_file_is_named(store: TokenStore, tmp_path: Path) -> None:
    secret = store.issue(3600, NOW)
    (tmp_path / "state/tokens.json").write_text('{"format": 1, "tokens": [{"hash": 7}]}')
    for attempt in (lambda: store.look(secret, NOW), lambda: store.issue(60, NOW)):
        with pytest.raises(BadInput, match=r"tokens.json: it is damaged; remove it"):
            attempt()
