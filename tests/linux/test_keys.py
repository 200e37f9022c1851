"""The key file: one key, or two while they are exchanged."""

from pathlib import Path

import pytest

from understudy.errors import BadSettings
from understudy.linux.keys import key_id, keys_text, read_key, read_keys

OLD, NEW = b"o" * 32, b"n" * 32


def written(folder: Path, text: str) -> str:
    """A key file."""
    path = folder / "guard.key"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_the_first_is_sent_with_and_each_is_accepted(tmp_path: Path) -> None:
    """As the file was written before there could be two, too."""
    assert read_keys(written(tmp_path, OLD.hex())) == (OLD,)
    assert read_keys(written(tmp_path, keys_text((NEW, OLD)))) == (NEW, OLD)
    assert read_key(written(tmp_path, keys_text((NEW, OLD)))) == NEW


@pytest.mark.parametrize("text", ["", "00", f"{OLD.hex()} 00", f"{OLD.hex()}\n{NEW.hex()}\n{OLD.hex()}", "é"])
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    """With what it must hold."""
    with pytest.raises(BadSettings, match="must hold 64 hex digits"):
        read_keys(written(tmp_path, text))


def test_a_name_does_not_give_the_key_away() -> None:
    """It is another for another key, and no part of it."""
    assert key_id(OLD) != key_id(NEW)
    assert key_id(OLD) not in OLD.hex()
