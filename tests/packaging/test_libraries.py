"""The dependencies in the cache: made once, whoever asks first."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from makepackage import libraries


def test_two_packages_made_at_once_share_the_dependencies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first, and neither takes away what the other is putting there."""
    begun, proceed = threading.Event(), threading.Event()
    asked: list[Path] = []

    def install(requirements: Path, into: Path, *options: str) -> None:
        del requirements, options
        asked.append(into)
        into.mkdir(parents=True, exist_ok=True)
        begun.set()
        proceed.wait(10)
        (into / "library.py").touch()

    monkeypatch.setattr(libraries, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(libraries, "install", install)
    with ThreadPoolExecutor(2) as both:
        first = both.submit(libraries.installed, lambda text: None)
        assert begun.wait(10)
        second = both.submit(libraries.installed, lambda text: proceed.set())
        with pytest.raises(TimeoutError):
            second.result(0.2)
        proceed.set()

        assert first.result(10) == second.result(10)
    assert len(asked) == 1
    assert [path.name for path in first.result().iterdir()] == ["library.py"]
