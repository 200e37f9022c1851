"""Text, and the Markdown of our pages, in the language of manual pages. Pure."""

import re
from collections.abc import Iterable, Iterator

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\([^)]*\)|\*([^*]+)\*")


def escape(text: str) -> str:
    """Text as it is read: hyphens can be copied, and no line is taken for a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    plain = plain.replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"^\.", r"\\&.", plain, flags=re.MULTILINE)


def inline(text: str) -> str:
    """A line of Markdown: what is typed in bold, links as their words."""
    out, place = "", 0
    for match in _INLINE.finditer(text):
        typed, strong, link, leaning = match.groups()
        out += escape(text[place : match.start()])
        out += f"\\fB{escape(typed or strong)}\\fR" if typed or strong else inline(link) if link else f"\\fI{escape(leaning)}\\fR"
        place = match.end()
    return out + escape(text[place:])


def entry(head: str, text: str) -> str:
    """A word and what it means; the head is roff already, the text Markdown."""
    return f".TP\n{head}\n{inline(text) or '.'}\n"


def typed(lines: Iterable[str]) -> str:
    """Lines as they are typed or printed."""
    return ".PP\n.RS 4\n.nf\n" + "".join(f"{escape(line)}\n" if line else "\n" for line in lines) + ".fi\n.RE\n"


def page(name: str, section: int, *, version: str, date: str, body: str) -> str:
    """A whole page."""
    return f'.TH "{name.upper()}" {section} "{date}" "Understudy {version}" "Understudy"\n.ad l\n.nh\n{body}'


def markdown(text: str) -> str:
    """What our pages are made of: headings, paragraphs, lists, code, and tables whose last column explains their first."""
    return "".join(_block(block) for block in _blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs, lists, tables and code, each as its lines."""
    block: list[str] = []
    code = False
    for line in lines:
        if line.startswith("```"):
            if block and not code:
                yield block
                block = []
            block.append(line)
            if code:
                yield block
                block = []
            code = not code
        elif code or line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(lines: list[str]) -> str:
    first = lines[0]
    if first.startswith("```"):
        return typed(lines[1:-1])
    if first.startswith("#"):
        heading = inline(first.lstrip("# ")).replace("\\fB", "").replace("\\fR", "").replace('"', "\\(dq")
        following = _block(lines[1:]) if lines[1:] else ""
        return f'.SH "{heading}"\n{following}'
    if first.startswith("|"):
        return "".join(_row(line) for line in lines[2:])
    if re.match(r"(\d+\.|[*-]) ", first):
        return _list(lines)
    return f".PP\n{inline(' '.join(line.strip() for line in lines))}\n"


def _row(line: str) -> str:
    """A row of a table: its first cell, and after it what explains it; a default stands between."""
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    default = f" (default: {cells[1]})" if len(cells) == 3 and cells[1] != "required" else f" ({cells[1]})" if len(cells) == 3 else ""
    return f".TP\n{inline(cells[0] + default)}\n{inline(cells[-1])}\n"


def _list(lines: list[str]) -> str:
    out: list[str] = []
    for line in lines:
        found = re.match(r"(\d+\.|[*-]) (.*)", line)
        if found:
            out.append(f'.IP "{found[1] if found[1][0].isdigit() else chr(92) + "(bu"}" 4\n{inline(found[2])}\n')
        else:
            out.append(f"{inline(line.strip())}\n")
    return "".join(out)
