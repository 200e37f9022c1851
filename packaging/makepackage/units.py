"""The systemd units that are packaged, whatever stands in packaging/systemd."""

from pathlib import Path

from makepackage.project import ROOT

FOLDER = ROOT / "packaging/systemd"
_SORTS = (".service", ".slice", ".target")


def units(folder: Path = FOLDER) -> list[Path]:
    """Their files, in order; none where there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix in _SORTS)


def services(found: list[Path]) -> str:
    """What the maintainer scripts stop, as words: the target first, then all services in one order to systemd, which knows their order."""
    return " ".join(path.name for path in found if path.suffix in (".target", ".service"))


def enabled(found: list[Path]) -> str:
    """Those that an operator can enable."""
    return " ".join(path.name for path in found if "\n[Install]" in path.read_text())
