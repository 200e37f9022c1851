"""Files of plain assignments: Django's settings (Python) and files that a shell reads. One name is set, and every other byte stays.

The last assignment counts, and only its value changes; a name that is not there is put at the end. Pure: nothing is executed, Python is
read with `ast`.
"""

import ast
import re

from understudy.openstack.core.ini import BadFile
from understudy.openstack.core.lines import Line, Splice, insert_after, lines_of

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def python_value(content: str, name: str) -> str | None:
    """What a name is set to, as a text; None: it is not set, or to something else than a text. BadFile: it is no Python."""
    found = _last_assignment(content, name)
    if found is None:
        return None
    value = found.value
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def with_python_value(content: str, name: str, value: str) -> str:
    """With that name set to this text. BadFile."""
    found, lines = _last_assignment(content, name), lines_of(content)
    if found is None:
        return insert_after(lines, len(lines) - 1, f"{name} = {_literal(value)}").apply(content)
    node = found.value
    start = _offset(lines, node.lineno, node.col_offset)
    end = _offset(lines, node.end_lineno or node.lineno, node.end_col_offset or 0)
    return Splice(start, end, _literal(value)).apply(content)


def _literal(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise BadFile("a value has a line end or another character that cannot be written there")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _last_assignment(content: str, name: str) -> ast.Assign | None:
    try:
        tree = ast.parse(content.encode("latin-1"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        raise BadFile(f"{where}it is no Python: {getattr(error, 'msg', None) or error}") from None
    found = None
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and [target.id for target in statement.targets if isinstance(target, ast.Name)] == [name]:
            found = statement
    return found


def _offset(lines: tuple[Line, ...], number: int, column: int) -> int:
    """Positions of `ast` count bytes of the UTF-8 text; here every byte is one character."""
    return lines[number - 1].start + column


def shell_value(content: str, name: str) -> str | None:
    """What a name is set to; None: it is not, or in a way that only a shell understands."""
    found = _last_shell(content, name)
    if found is None:
        return None
    text = found[1]
    if match := re.fullmatch(r"'([^']*)'|\"([^\"$`\\]*)\"|([A-Za-z0-9_@%+=:,./-]*)", text):
        return next(group for group in (*match.groups(), "") if group is not None)
    return None


def with_shell_value(content: str, name: str, value: str) -> str:
    """With that name set to this text, as `.` of a shell and systemd's EnvironmentFile both read it. BadFile."""
    if not value.isprintable() or "'" in value:
        raise BadFile("a value has a quote or a line end, which cannot be written there")
    text = value if _SAFE.fullmatch(value) else f'"{value}"' if not set(value) & set('"$`\\') else f"'{value}'"
    if found := _last_shell(content, name):
        line, old, at = found
        return Splice(line.start + at, line.start + at + len(old), text).apply(content)
    lines = lines_of(content)
    return insert_after(lines, len(lines) - 1, f"{name}={text}").apply(content)


def _last_shell(content: str, name: str) -> tuple[Line, str, int] | None:
    """The line, the value as it stands there, and where in the line."""
    pattern = re.compile(rf"[ \t]*(?:export[ \t]+)?{re.escape(name)}=('[^']*'|\"(?:\\.|[^\"\\])*\"|[^\s#]*)[ \t]*(?:#.*)?$")
    found = None
    for line in lines_of(content):
        if line.text.rstrip().endswith("\\"):
            if re.match(rf"[ \t]*(?:export[ \t]+)?{re.escape(name)}=", line.text):
                raise BadFile(f"{name} goes on over several lines; write it in one")
            continue
        if match := pattern.match(line.text):
            found = (line, match[1], match.start(1))
    return found
