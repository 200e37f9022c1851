"""`crsctl help NUMBER` and `understudy help NUMBER`: the text of a message, its cause, and what to do. No daemon is asked.

Called by the programs' own main functions, and imported only then: the catalogue takes longer to load than they do.
"""

import re
import sys

from understudy.cli.options import HELP, Command
from understudy.daemon.alerts import CRS
from understudy.model.explained import EXPLAINED
from understudy.model.messages import OURS, WORDS, line, number

COMMANDS = {
    program: Command(
        f"{program} help <number> ...",
        "",
        about="The text of a message, its cause, and what to do; no daemon is asked. The guide's page of messages has all of them.",
        example=f"{program} help CRS-2549 UND-0026",
        options={},
    )
    for program in ("crsctl", "understudy")
}
"""By program."""
_NUMBER = re.compile(r"(?:(CRS|UND)-?)?([0-9]{1,6}):?", re.IGNORECASE)
_GAP = re.compile(r"\{\w*\}")


def main(program: str, words: list[str]) -> int:
    """Explain each number; the exit status. `program`: as it was typed."""
    if not words or words[0] in HELP:
        print(COMMANDS[program].help())
        return 0 if words else 1
    status = 0
    for place, word in enumerate(words):
        code = code_of(word)
        if code is None:
            print(line(20520, word), file=sys.stderr)
            status = 1
        else:
            print(("\n" if place else "") + explained(code))
    return status


def code_of(text: str) -> int | None:
    """The number in the catalogue: of CRS-2549, UND-0026, 2549, with or without a colon. None: there is no such message."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    kind, plain = (found[1] or "").upper(), int(found[2])
    oracles, ours = (plain,) if plain < OURS else (), (plain + OURS,)
    codes = {"CRS": oracles, "UND": ours, "": (*oracles, *ours)}[kind]
    return next((code for code in codes if code in EXPLAINED), None)


def explained(code: int) -> str:
    """The block of one message."""
    cause, action = EXPLAINED[code]
    return f"{number(code)}: {text_of(code)}\nCause: {cause}\nAction: {action}"


def text_of(code: int) -> str:
    """Its text, with dots where it names something; of what stands in the alert log alone, that."""
    text = WORDS.get(code) or next(words for known, words in CRS.values() if known == code)
    return _GAP.sub("...", text)
