"""Every message that is printed stands in the catalogue, and nowhere else in other words."""

import re
from pathlib import Path

from understudy.daemon.alerts import CRS
from understudy.model.messages import OURS, WORDS, line, number, with_number

SOURCE = Path(__file__).parents[2] / "src" / "understudy"
_USED = re.compile(r"(?:words|line|say|number|code=)\(?\s*(\d{3,5})\b")
_LITERAL = re.compile(r"(CRS-\d{4}|UND-\d{4}): ([^\"'{]*)")


def test_every_number_used_is_in_the_catalogue() -> None:
    """Verbs, parsers and progress lines alike."""
    used = {int(code) for path in SOURCE.rglob("*.py") for code in _USED.findall(path.read_text())}

    assert used
    assert used <= set(WORDS)


def test_what_the_thin_client_says_itself_is_the_catalogues() -> None:
    """It may not import the catalogue (it starts in milliseconds), so its texts are compared here."""
    for path in (SOURCE / "cli").rglob("*.py"):
        for code, text in _LITERAL.findall(path.read_text()):
            key = int(code[4:]) + (OURS if code.startswith("UND") else 0)
            assert key in WORDS, f"{path.name}: {code}"
            assert WORDS[key].startswith(text.strip()), f"{path.name}: {code}: {text}"


def test_an_alert_has_no_number_of_another_message() -> None:
    """Except for a state that commands report as well: who takes no part, and a majority that is lost or back."""
    alerts = [code for code, _ in CRS.values() if code >= OURS]

    assert len(alerts) == len(set(alerts))
    assert set(alerts) & set(WORDS) == {20120, 20140}


def test_numbers_print_with_four_digits() -> None:
    """Oracle's as CRS, ours as UND."""
    assert (number(267), number(2613), number(20007)) == ("CRS-0267", "CRS-2613", "UND-0007")
    assert line(2613, "x") == "CRS-2613: Could not find resource 'x'."
    assert with_number(None, "text") == "text"
