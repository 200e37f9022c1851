"""Entries and lines into the content of one file, as bytes. Every byte that no entry is about stays.

Called by `compare.py` and `plan.py`. What was written is read back before it counts: a file that this cannot edit rightly is refused
(BadFile), never changed wrongly. Pure.
"""

from collections.abc import Sequence

from understudy.openstack.core import assignments, ini
from understudy.openstack.core.ini import BadFile
from understudy.openstack.core.lines import with_line
from understudy.openstack.core.wanted import WantedEntry, WantedLine


def entry_value(content: bytes, entry: WantedEntry) -> str | None:
    """What is there now; None: nothing. BadFile."""
    text = content.decode("latin-1")
    match entry.syntax:
        case "python":
            return assignments.python_value(text, entry.key)
        case "shell":
            found = assignments.shell_value(text, entry.key)
        case syntax:
            read = ini.read_ini(text, options_alone=syntax == "mysql").value(entry.section, entry.key)
            found = None if read is None else ini.meaning(read, syntax)
    return None if found is None else _shown(found)


def has_line(content: bytes, wanted: WantedLine) -> bool:
    """Whether the line is there, or none is needed."""
    text = content.decode("latin-1")
    return with_line(text, _stored(wanted.line), wanted.before, wanted.below) == text


def edited(content: bytes, wanted: Sequence[WantedEntry | WantedLine]) -> bytes:
    """The file with all of it. BadFile."""
    for item in wanted:
        content = _with_entry(content, item) if isinstance(item, WantedEntry) else _with_line(content, item)
    return content


def _with_line(content: bytes, wanted: WantedLine) -> bytes:
    return with_line(content.decode("latin-1"), _stored(wanted.line), wanted.before, wanted.below).encode("latin-1")


def _with_entry(content: bytes, entry: WantedEntry) -> bytes:
    if entry_value(content, entry) == entry.value:
        return content
    text = content.decode("latin-1")
    match entry.syntax:
        case "python":
            changed = assignments.with_python_value(text, entry.key, entry.value)
        case "shell":
            changed = assignments.with_shell_value(text, entry.key, _stored(entry.value))
        case syntax:
            value = _stored(ini.spelled(entry.value, syntax))
            read = ini.read_ini(text, options_alone=syntax == "mysql")
            changed = read.setting(entry.section, entry.key, value).apply(text)
    result = changed.encode("latin-1")
    if entry_value(result, entry) != entry.value:
        raise BadFile(f"{entry.name} could not be set so that it is read as it should be; set it by hand")
    return result


def _stored(value: str) -> str:
    """As the file has it: UTF-8, a character for each byte."""
    return value.encode().decode("latin-1")


def _shown(value: str) -> str:
    return value.encode("latin-1").decode(errors="replace")
