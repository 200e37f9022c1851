"""The house itself: sizes that only shrink, imports that the deciders must not have, and words that do not belong here.

`KNOWN` lists today's exceptions exactly; an entry that is no longer one fails as well, so that the list can only shrink.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FUNCTION = 40
"""Code lines: without docstrings, comments and blank lines."""
LONGEST_FILE = 500
MOST_POSITIONAL = 5
"""Besides self; keyword-only ones are not counted."""

KNOWN: dict[str, int] = {
    "src/understudy/daemon/lanes.py:Lanes.__init__()": 6,
}
"""`file` -> lines, `file:function` -> code lines, `file:function()` -> positional parameters."""

PURE = ("model", "policy", "lane", "intent", "daemon/shown", "kinds", "guard/core", "openstack/core")
IMPURE = {
    "asyncio", "ctypes", "datetime", "fcntl", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil",
    "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
CATCHES_ALL = {
    "src/understudy/linux/logline.py": "an object that cannot say what it is must not fail whoever writes a log",
    "src/understudy/guard/system.py": "keeper and guard go on, whatever becomes of a line of their log",
    "src/understudy/guard/log.py": "a process that ends of a fault says so in its log, in the form of all lines",
    "src/understudy/sim/search.py": "whatever breaks a world is a finding: the seed that shows it is kept, the search goes on",
    "src/understudy/daemon/api.py": "an answer to a client must come, and the daemon goes on for the others",
    "src/understudy/daemon/tlsdoor.py": "no connection from the network may end the daemon; the fault is logged",
    "src/understudy/daemon/peers.py": "no connection of anybody may end the daemon; the fault is logged, its caller told",
    "src/understudy/demo/writer.py": "to this user any failure is the same: not acknowledged",
    "src/understudy/demo/openstack/user.py": "to this user any failure is the same: not acknowledged",
    "src/understudy/lab/hosts.py": "the process ends here and its parent tells why",
}
SLEEPERS = {
    "tests/support.py": "the one place that polls, with a deadline",
    "tests/e2e/service.py": "not a test: the service that a lab watches",
    "tests/openstack/scripts/standin.py": "not a test: the daemon that an action script starts",
    "tests/guard/beats.py": "not a test: the resource that says how long it lives",
}
UNWANTED = {
    "leftover": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "path of a workplace": re.compile(r"(?<![\w./-])/(wo" + r"rk|fa" + r"rm)/|/ro" + r"ot/\."),
    "index host": re.compile(r"py" + r"pi\.org|python" + r"hosted\.org|--ind" + r"ex-url", re.IGNORECASE),
    "number of an issue": re.compile(r"\b[Ii]ss" + r"ue #?\d"),
}
OWN_IDIOM = {
    "told": "reported, said, sent, asked to",
    "leaners?": "dependents",
    "nobody's": "that nothing uses, that belongs to no resource",
    "in the same breath": "at once, in the same commit",
    "spoilt": "changed, invalid",
    "well again": "healthy again",
    "goes round": "runs",
    "hears of nobody": "has no news of the others",
    "made anew": "recreated",
    "hung up": "closed the connection",
    "for ever": "without end, until it succeeds",
    "(stands?|stood|standing) still": "is paused",
}
"""Phrases that only their authors understand -> what an operator reads without stumbling."""
_LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
TEXTS = ("*.py", "*.md", "*.toml", "*.txt", "*.sh", "*.in", "*.service", "*.scr", "run", "bin/*", "*.html", "*.js", "*.css", "*.svg")


def python_files() -> list[Path]:
    """Everything we wrote in Python."""
    return sorted(path for folder in ("src", "tests", "bench", "packaging") for path in (ROOT / folder).rglob("*.py"))


def texts() -> list[Path]:
    """Everything we wrote."""
    folders = [ROOT / name for name in ("src", "tests", "bench", "docs", "bin", "requirements", ".ci")]
    found = [*ROOT.glob("*.md"), ROOT / "run", ROOT / "pyproject.toml"]
    found += [path for folder in folders for pattern in TEXTS for path in folder.rglob(pattern.removeprefix("bin/"))]
    found += [*(ROOT / "bin").iterdir(), *(ROOT / "packaging").rglob("*")]
    return sorted({path for path in found if path.is_file() and "__pycache__" not in path.parts})


def name_of(path: Path) -> str:
    """Relative to the project."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), filename=str(path))


class Lexed(NamedTuple):
    """What the tokens of a file say, apart from its layout."""

    lines: frozenset[int]
    """Numbers of the lines on which anything stands but a comment."""
    comments: tuple[tuple[int, str], ...]
    """With the numbers of their lines."""
    names: frozenset[str]


@cache
def lexed(path: Path) -> Lexed:
    """Once for each file: it takes longer than all that is asked of it."""
    lines: set[int] = set()
    comments: list[tuple[int, str]] = []
    names: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0], token.string))
        elif token.type not in _LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
        if token.type == tokenize.NAME:
            names.add(token.string)
    return Lexed(frozenset(lines), tuple(comments), frozenset(names))


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with its qualified name."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + child.name, child
                yield from walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(tree, "")


def code_lines(path: Path) -> set[int]:
    """Numbers of the lines that hold code."""
    lines = set(lexed(path).lines)
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            lines.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def excesses() -> dict[str, int]:
    """Everything that is over a limit."""
    found: dict[str, int] = {}
    for path in python_files():
        name, tree, code = name_of(path), parsed(path), code_lines(path)
        length = path.read_text().count("\n")
        if length > LONGEST_FILE:
            found[name] = length
        for function, node in functions(tree):
            lines = len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            if lines > LONGEST_FUNCTION:
                found[f"{name}:{function}"] = lines
            given = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            positional = len(given) - (given[:1] in (["self"], ["cls"]))
            if positional > MOST_POSITIONAL:
                found[f"{name}:{function}()"] = positional
    return found


def test_sizes_only_shrink() -> None:
    """A function fits on a screen, a file is read in one sitting; what does not yet is known, and may not grow."""
    found = excesses()
    grown = {key: size for key, size in found.items() if size > KNOWN.get(key, 0)}
    assert not grown, f"too long (or longer than before); split them: {grown}"
    stale = {key: f"{known} -> {found.get(key, 'within the limit')}" for key, known in KNOWN.items() if found.get(key) != known}
    assert not stale, f"better than KNOWN says; shrink the list: {stale}"


TWICE = {"Cluster": ("tests/daemon/cluster.py", "tests/e2e/harness.py")}
"""Names that stand for two things: the cluster of a story in one process, and that of a story in a lab; no test has both. It may only
shrink."""
CATALOGUES = {"model/events.py": r"^([A-Z_]+) = ", "model/reasons.py": r"^    ([A-Z_]+) = ", "model/messages.py": r"^    (\d+): "}
READ_FROM_OUTSIDE = {"OTHER"}
"""Made in its own file, of what a newer version has written."""


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_what_is_declared_is_used(catalogue: str) -> None:
    """A kind of event that nobody writes, a reason that no rule gives, a message that nobody says: each is documented as if it happened."""
    folder = ROOT / "src/understudy"
    declared = re.findall(CATALOGUES[catalogue], (folder / catalogue).read_text(), re.MULTILINE)
    apart = {folder / catalogue, folder / "policy/sentences.py", *(folder / "model/explained").glob("*.py")}
    elsewhere = "\n".join(path.read_text() for path in sorted(folder.rglob("*.py")) if path not in apart)
    used = set(re.findall(r"\w+", elsewhere)) | {str(20000 + int(number)) for number in re.findall(r"UND-(\d{4})", elsewhere)}
    assert declared
    assert set(declared) - used - READ_FROM_OUTSIDE == set()


@pytest.mark.parametrize("package", PURE)
def test_what_decides_cannot_wait_or_look_around(package: str) -> None:
    """Design section 10: no clock, no dice, no system, no log in the packages that decide."""
    for path in sorted((ROOT / "src/understudy" / package).rglob("*.py")):
        for node in ast.walk(parsed(path)):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "input", "exec", "eval", "__import__"), f"{name_of(path)}:{node.lineno}"
            for module in modules:
                assert module.split(".")[0] not in IMPURE, f"{name_of(path)} imports {module}"


def test_nothing_catches_everything_without_a_reason() -> None:
    """A broken invariant ends the process; a catch-all needs its reason in CATCHES_ALL."""
    found = set()
    for path in python_files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") == "Exception"):
                found.add(name_of(path))
    assert found == set(CATCHES_ALL) & {name_of(path) for path in python_files()}


def test_no_task_is_forgotten() -> None:
    """A bare asyncio.create_task may vanish in mid-flight, with its error; TaskGroup.create_task may not."""
    for path in python_files():
        for node in ast.walk(parsed(path)):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)):
                continue
            call = node.value.func
            loose = call.attr in ("create_task", "ensure_future") and getattr(call.value, "id", "") in ("asyncio", "loop")
            assert not loose, f"{name_of(path)}:{node.lineno}"


def test_every_module_says_what_it_is() -> None:
    """A docstring first, except in an empty __init__.py."""
    silent = [name_of(path) for path in python_files() if path.read_text().strip() and not ast.get_docstring(parsed(path))]
    assert not silent


def test_one_name_one_thing() -> None:
    """No two modules define a class, or a name for a type, that are called alike: readers take them for each other. Nor do tests and
    benchmarks, but for what stands in `TWICE`."""
    found: dict[str, list[str]] = {}
    for path in python_files():
        for statement in parsed(path).body:
            if isinstance(statement, ast.ClassDef):
                name = statement.name
            elif (
                isinstance(statement, ast.Assign)
                and isinstance(statement.targets[0], ast.Name)
                and re.match("[A-Z][a-z]", statement.targets[0].id)
            ):
                name = statement.targets[0].id
            else:
                continue
            if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):  # of type variables
                found.setdefault(name, []).append(name_of(path))

    assert {name: tuple(files) for name, files in found.items() if len(files) > 1} == TWICE


def test_a_loop_names_what_it_goes_through() -> None:
    """`one` says nothing: a variable, parameter or pattern has the noun of what it holds (holder, server, line)."""
    found = []
    for path in python_files():
        for node in ast.walk(parsed(path)):
            stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == "one"
            given = (isinstance(node, ast.arg) and node.arg == "one") or (isinstance(node, ast.MatchAs) and node.name == "one")
            if stored or given:
                found.append(f"{name_of(path)}:{getattr(node, 'lineno', 0)}")
    assert not found


def test_names_in_the_product_are_the_words_of_the_field() -> None:
    """What `OWN_IDIOM` keeps out of texts does not live on in names."""
    own = re.compile(r"(?:^|_)(?:told|heard|mishaps?|leaners?|spoilt)(?:_|$)")
    found = {
        f"{name_of(path)}: {name}"
        for path in python_files()
        if path.is_relative_to(ROOT / "src")
        for name in lexed(path).names
        if own.search(name)
    }
    assert not found


@cache
def shown_texts() -> tuple[tuple[str, str], ...]:
    """What people read, with its place: the pages, every text of the product, all docstrings and comments."""
    return tuple(_shown_texts())


def _shown_texts() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield f"{name_of(path)}:{number}", line
    for path in python_files():
        product = path.is_relative_to(ROOT / "src")
        docstrings = {id(node.value) for node in ast.walk(parsed(path)) if isinstance(node, ast.Expr)}
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and (id(node) in docstrings or (product and " " in node.value))
            ):
                yield f"{name_of(path)}:{node.lineno}", node.value
        for number, comment in lexed(path).comments:
            yield f"{name_of(path)}:{number}", comment


@pytest.mark.parametrize("phrase", OWN_IDIOM)
def test_people_read_the_words_of_the_field(phrase: str) -> None:
    """In messages, helps, pages, docstrings and comments: a phrase of our own does not come back; `OWN_IDIOM` says what to write."""
    found = [f"{place}: {text.strip()[:100]}" for place, text in shown_texts() if re.search(rf"\b{phrase}\b", text)]
    assert not found, f"write: {OWN_IDIOM[phrase]}"


def test_no_test_sleeps() -> None:
    """A test waits for a condition with a deadline (tests/support.py), never for time to pass."""
    found = {name_of(path) for path in (ROOT / "tests").rglob("*.py") if re.search(r"\btime\.sleep\(", path.read_text())}
    found.discard(name_of(Path(__file__)))
    assert found == {name for name in SLEEPERS if (ROOT / name).exists()}


@pytest.mark.parametrize("what", UNWANTED)
def test_nothing_is_left_lying_about(what: str) -> None:
    """Neither unfinished business nor traces of where this was written."""
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if UNWANTED[what].search(line)
    ]
    assert not found
