"""Editing keeps every byte that it is not about; what a service then reads is judged by the service's own reader."""

import io
import shlex
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg, iniparser

from understudy.openstack.core.assignments import python_value, shell_value
from understudy.openstack.core.editing import edited, entry_value
from understudy.openstack.core.ini import BadFile
from understudy.openstack.core.lines import lines_of, with_line
from understudy.openstack.core.wanted import WantedEntry

KEYS = ("connection", "host", "transport_url", "log_dir")
SECTIONS = ("DEFAULT", "database", "Database", "oslo_messaging", "default")
PIECES = st.text(alphabet="ab=:#;$%'\"[]()éß \t,.-", max_size=12)
WORDS = st.sampled_from(KEYS)


def entry(section: str, key: str, value: str, syntax: str = "oslo") -> WantedEntry:
    return WantedEntry(place="/x", section=section, key=key, value=value, syntax=syntax)


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Of a file as services have them: sections more than once, repeated keys, values over several lines, comments that look like keys."""
    found = [f"[{draw(st.sampled_from(SECTIONS))}]"]
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.integers(0, 6))
        match kind:
            case 0:
                found.append(f"[{draw(st.sampled_from(SECTIONS))}]")
            case 1:
                found.append(draw(st.sampled_from(("", "   ", "#", "# text"))))
            case 2:
                found.append(f"#{draw(st.sampled_from((' ', '')))}{draw(WORDS)} = {draw(PIECES)}")
            case 3:
                found.append(f"{draw(WORDS)} = first,")
                for _ in range(draw(st.integers(1, 3))):
                    blank, word = draw(st.sampled_from((" ", "    ", "\t"))), draw(st.sampled_from(("more", "#", ";")))
                    found.append(f"{blank}{word}x{draw(PIECES)}")
            case _:
                sign = draw(st.sampled_from(("=", " = ", ": ", " =", "\t=\t")))
                found.append(f"{draw(WORDS)}{sign}{draw(PIECES)}")
    return found


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """With one kind of line ends, and with or without the last of them."""
    ending = draw(st.sampled_from(("\n", "\n", "\r\n")))
    text = ending.join(["# made by the package – é", *draw(lines())])
    return (text + (ending if draw(st.booleans()) else "")).encode()


class OsloReader(iniparser.BaseParser):  # type: ignore[misc]
    """The reader of oslo.config, with everything that it finds, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.section, self.found = "", list[tuple[str, str, str]]()

    def new_section(self, section: str) -> None:
        self.section = section

    def assignment(self, key: str, value: list[str]) -> None:
        self.found.append((self.section if self.section == "DEFAULT" else self.section.lower(), key, "\n".join(value)))


def read_by_oslo(content: bytes) -> list[tuple[str, str, str]]:
    parser = OsloReader()
    parser.parse(io.StringIO(content.decode(), newline=None))
    return parser.found


def normal(section: str) -> str:
    return section if section == "DEFAULT" else section.lower()


@given(files(), st.sampled_from(SECTIONS), WORDS)
def test_a_value_is_read_as_oslo_config_reads_it(content: bytes, section: str, key: str) -> None:
    """The last assignment in all sections of that name."""
    values = [value for where, name, value in read_by_oslo(content) if (where, name) == (normal(section), key)]
    found = entry_value(content, entry(section, key, ""))
    assert found == (values[-1].replace("$$", "$") if values else None)


VALUES = st.text(alphabet="ab/@:%$#;=[]'\"é –", min_size=1, max_size=20).filter(str.isprintable)


@given(files(), st.sampled_from(SECTIONS), WORDS, VALUES)
def test_setting_a_key_changes_that_key_alone(content: bytes, section: str, key: str, value: str) -> None:
    """To oslo.config everything else is as it was, in the same order; a second time changes nothing."""
    result = edited(content, [entry(section, key, value)])

    assert entry_value(result, entry(section, key, value)) == value
    assert edited(result, [entry(section, key, value)]) == result
    before, after = read_by_oslo(content), read_by_oslo(result)
    own = [place for place, (where, name, _) in enumerate(before) if (where, name) == (normal(section), key)]
    if own:
        assert [*before[: own[-1]], after[own[-1]], *before[own[-1] + 1 :]] == after
    else:
        added = [place for place in range(len(after)) if after[:place] + after[place + 1 :] == before]
        assert any(after[place][:2] == (normal(section), key) for place in added)


@given(files(), st.sampled_from(SECTIONS), WORDS, VALUES)
def test_every_other_byte_stays(content: bytes, section: str, key: str, value: str) -> None:
    """What is new or changed is one piece; all before and after it is as it was."""
    result = edited(content, [entry(section, key, value)])
    same = alike(content, result)
    rest = alike(content[same:][::-1], result[same:][::-1])
    gone = content[same : len(content) - rest].decode(errors="replace")
    assert gone == "" or any(gone in old for old in _values_with_lines(content, key))


def alike(left: bytes, right: bytes) -> int:
    """How many bytes they have in common from the beginning."""
    return next((place for place, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), min(len(left), len(right)))


def _values_with_lines(content: bytes, key: str) -> Iterator[str]:
    """Each value of that key as it stands there, with the lines that go on with it."""
    rows = content.decode().splitlines(keepends=True)
    for number, row in enumerate(rows):
        if row.split("=")[0].split(":")[0].strip() == key and not row[:1].isspace():
            more = number + 1
            while more < len(rows) and rows[more][:1] in (" ", "\t"):
                more += 1
            yield "".join(rows[number:more])


@settings(max_examples=25)
@given(st.text(alphabet="ab/@:%$\\{}()#;=[]'\"é", min_size=1, max_size=20), st.sampled_from(("", "[DEFAULT]\nhost = x\n")))
def test_a_service_gets_the_very_value(value: str, content: str) -> None:
    """Through the whole of oslo.config, signs of interpolation and all."""
    if "\\$" in value:
        with pytest.raises(BadFile, match="another way to write"):
            edited(content.encode(), [entry("database", "connection", value)])
        return
    result = edited(content.encode(), [entry("database", "connection", value)])
    with tempfile.NamedTemporaryFile(suffix=".conf") as file:
        file.write(result)
        file.flush()
        conf = cfg.ConfigOpts()
        conf.register_opt(cfg.StrOpt("connection"), group="database")
        conf([], default_config_files=[file.name], default_config_dirs=[])
        assert conf.database.connection == value


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a = 1\n", "line 1 stands before the first section"),
        ("[x]\n  goes on\n", "line 2 continues nothing"),
        ("[x]\n\nword\n", "line 3 is neither a section nor key = value"),
        ("[x\n", "line 1 is no section"),
        ("[x]\n= 3\n", "line 2 has no key"),
    ],
)
def test_what_the_service_could_not_read_is_not_edited(content: str, line: str) -> None:
    """oslo.config refuses it as well; the line is named."""
    with pytest.raises(BadFile, match=line):
        edited(content.encode(), [entry("x", "host", "y")])
    if "before" not in line:
        with pytest.raises(iniparser.ParseError):
            read_by_oslo(content.encode())


def test_a_new_key_stands_beside_its_commented_one() -> None:
    """So a reader finds the explanation above it, as the package wrote it."""
    content = "[database]\n\n# The connection.\n#connection = <None>\n\n# Other.\nother = 1\n[x]\n"
    result = edited(content.encode(), [entry("database", "connection", "here")])
    assert result.decode() == content.replace("<None>\n", "<None>\nconnection = here\n")


def test_options_of_mariadb_may_lack_a_value() -> None:
    """`skip-name-resolve` and `!includedir` are no reason to refuse a file."""
    content = b"!includedir /etc/mysql/conf.d/\n[mysqld]\nskip-name-resolve\n  bind-address = 127.0.0.1\n"
    assert edited(content, [entry("mysqld", "bind-address", "10.10.10.11", "mysql")]) == content.replace(b"127.0.0.1", b"10.10.10.11")


# --- plain assignments


@st.composite
def shell_files(draw: st.DrawFn) -> str:
    rows = ["# settings"]
    for _ in range(draw(st.integers(0, 6))):
        name = draw(st.sampled_from(("NODENAME", "DAEMON_ARGS", "OTHER")))
        value = draw(st.sampled_from(("plain", '"two words"', "'single # quoted'", '""', "")))
        export, comment = draw(st.sampled_from(("", "export "))), draw(st.sampled_from(("", "  # why")))
        rows.append(f"{export}{name}={value}{comment}")
    return "\n".join(rows) + draw(st.sampled_from(("", "\n", "\n\n")))


@settings(max_examples=15)
@given(shell_files(), st.text(alphabet="ab/@:% $-#é", min_size=1, max_size=15))
def test_a_shell_reads_what_was_set(content: str, value: str) -> None:
    """By a real shell; the other names keep theirs."""
    result = edited(content.encode(), [entry("", "NODENAME", value, "shell")]).decode()
    script = 'set -a\n. /dev/stdin\nprintf \'%s|%s|%s\' "$NODENAME" "$DAEMON_ARGS" "$OTHER"\n'
    before, after = (
        subprocess.run(["sh", "-c", script], input=text.encode(), capture_output=True, check=True, env={}).stdout.decode().split("|")
        for text in (content, result)
    )
    assert after == [value, *before[1:]]
    assert shell_value(result, "DAEMON_ARGS") == shell_value(content, "DAEMON_ARGS")
    assert shlex.split(result, comments=True)


DJANGO_ROWS = st.lists(
    st.sampled_from(
        (
            'OPENSTACK_HOST = "127.0.0.1"  # comment',
            "OPENSTACK_HOST = (\n    'a' +\n    'b')",
            "DEBUG = True",
            'URL = "http://%s" % NAME if "NAME" in dir() else "é – ü"',
            "def f():\n    OPENSTACK_HOST = 'inner'",
            "é = 1; OPENSTACK_HOST = 'after a name of two bytes'",
            "# OPENSTACK_HOST = 'commented'",
        )
    ),
    max_size=6,
)


@given(DJANGO_ROWS, st.sampled_from(("\n", "\r\n")), st.booleans(), st.text(alphabet="ab.\"'\\: %", min_size=1, max_size=12))
def test_python_reads_what_was_set(rows: list[str], ending: str, last: bool, value: str) -> None:
    """Executed by Python itself; every other name is as it was."""
    content = ("\n".join(rows) + ("\n" if last else "")).replace("\n", ending).encode()
    result = edited(content, [entry("", "OPENSTACK_HOST", value, "python")])
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    exec(compile(content, "before", "exec"), before)
    exec(compile(result, "after", "exec"), after)
    assert after["OPENSTACK_HOST"] == value == python_value(result.decode("latin-1"), "OPENSTACK_HOST")
    names = {name for name in before if name not in ("__builtins__", "OPENSTACK_HOST", "f")}
    assert {name: before[name] for name in names} == {name: after[name] for name in names}


@given(st.text(alphabet="ab\r\n #", max_size=30), st.sampled_from(("", "a")))
def test_a_line_is_added_once(content: str, before: str) -> None:
    """Where it is to be, or at the end; all other lines stay, in order."""
    result = with_line(content, "new line", before)
    assert with_line(result, "new line", before) == result
    assert [line.text for line in lines_of(result) if line.text != "new line"] == [line.text for line in lines_of(content)]


@pytest.mark.parametrize("syntax", ["oslo", "paste", "mysql", "python", "shell"])
def test_a_value_with_a_line_end_is_refused(syntax: str) -> None:
    """It would become two lines, and the second could be anything."""
    with pytest.raises(BadFile):
        edited(b"[x]\n" if syntax != "python" else b"", [entry("x", "host", "a\nb = c", syntax)])
