"""The systemd units that are packaged, whatever stands in packaging/systemd."""

from pathlib import Path

from makepackage.project import ROOT

FOLDER = ROOT / "packaging/systemd"
_SORTS = (".path", ".service", ".slice", ".target")


def units(folder: Path = FOLDER) -> list[Path]:
    """Their files, in order; none where there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix in _SORTS)


def stopped(found: list[Path]) -> str:
    """Those that a removal stops, as words: all in one order to systemd, which knows in which sequence."""
    return " ".join(path.name for path in found if "RefuseManualStop=yes" not in path.read_text())


def enabled(found: list[Path]) -> str:
    """Those that an operator can enable."""
    return " ".join(path.name for path in found if "\n[Install]" in path.read_text())
