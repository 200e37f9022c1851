"""`understudy demo`: what is a broken rule, and what is refused before anything is made."""

from pathlib import Path

import pytest

from understudy.cli.understudy import demo
from understudy.demo.acts import ActRow

GOOD = ActRow("planned relocation", 355.0, 96, 0, 1)


def test_a_row_with_anything_broken_is_not_good() -> None:
    """A lost row, two servers at once, nothing written, a write that failed where nothing was to be noticed."""
    assert GOOD.good
    for broken in (ActRow("a", 1.0, 96, 1, 1), ActRow("a", 1.0, 96, 0, 2), ActRow("a", 1.0, 0, 0, 1), ActRow("a", 1.0, 96, 0, 1, failed=1)):
        assert not broken.good


def test_the_table_has_a_line_for_each_act() -> None:
    """Under a heading and a rule."""
    head, _, line = demo.table([GOOD]).splitlines()
    assert head.startswith("act ")
    assert line.split()[-4:] == ["355", "96", "0", "1"]


def test_one_package_alone_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And a file that is none, before a lab is made."""
    assert demo.main(["--real", "--package", "a.deb"]) == 1
    assert "name both packages" in capsys.readouterr().err
    missing = str(tmp_path / "a.deb")
    assert demo.main(["--real", "--package", missing, "--newer", missing]) == 1
    assert f"{missing} is no file: name a package, as ./run package makes it" in capsys.readouterr().err
