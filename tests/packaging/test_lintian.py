"""Debian's own checks of the packages, its manual pages as its man shows them, and completion in its shells."""

from pathlib import Path

import pytest

from debianroot import DebianRoot
from makepackage import typed

pytestmark = [pytest.mark.lab, pytest.mark.long]
_ASK_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; LISTMAX=0; autoload -U compinit; compinit -u"
zpty -w shell "echo re''ady"
zpty -r shell shown '*ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r shell shown "*$2*"
print -r -- "$shown"
"""


def test_lintian_finds_no_error_and_no_warning(debian: DebianRoot, package: Path, oracle_paths: Path) -> None:
    """What is as it is on purpose stands in the overrides, with the reason; an override that is not needed any more is found too."""
    said = debian.run("lintian", "--allow-root", "--tag-display-limit", "0", "--info", *debian.put(package, oracle_paths), check=False)
    found = [line for line in said.splitlines() if line.startswith(("E:", "W:")) or "unused-override" in line]
    assert found == []


def test_man_shows_every_page_without_a_complaint(ready: DebianRoot) -> None:
    """And whatis finds it."""
    names = [*((program.name, program.section) for program in typed.programs()), ("understudy.toml", 5)]
    for name, section in names:
        done = ready.tried("man", "--warnings", "-P", "cat", str(section), name)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert "SEE ALSO" in done.stdout
        assert f"{name} ({section})" in ready.run("whatis", name)


def test_debians_bash_completion_loads_it_by_itself(ready: DebianRoot) -> None:
    """As soon as the name of a command has been typed."""
    ready.write("/var/tmp/ask", ". /usr/share/bash-completion/bash_completion\n_completion_loader appvipcfg\ncomplete -p appvipcfg\n")
    assert ready.run("bash", "/var/tmp/ask") == "complete -F _understudy appvipcfg\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("crsctl stat ", ("resource", "serverpool", "type")),
        ("understudy lab registry ", ("pause", "resume", "start", "stop")),
        ("crsctl start res db -", ("-all", "every resource that is not the cluster's own")),
    ],
)
def test_zsh_offers_what_can_follow(ready: DebianRoot, line: str, words: tuple[str, ...]) -> None:
    """In a terminal of its own, with a word on each option."""
    ready.write("/var/tmp/ask", _ASK_ZSH)
    shown = ready.run("zsh", "-f", "/var/tmp/ask", line, words[-1], within_s=60)
    assert all(word in shown for word in words), shown
