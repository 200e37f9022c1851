"""How much of a text a record keeps: few bytes, counted as they are stored, with the end of it, where scripts say why they failed. Pure.

A byte that is no letter takes up to six as JSON, so a bound in characters is none.
"""

EVENT_BYTES = 2048
"""Of an event's text, and of the failure that a report carries."""
CAUSE_BYTES = 512
"""Of an event's cause, and of the details that a report carries."""
_BEGINNING = 4
"""One part in so many is kept of the beginning, the rest of the end."""
_MARK_BYTES = 48
_SHORT = frozenset('"\\\b\f\n\r\t')


def excerpt(text: str, most_bytes: int) -> str:
    """The text, if it takes no more than so many bytes in a record; else its beginning and its end, and how much is left out between."""
    if len(text) * 6 <= most_bytes or stored_bytes(text) <= most_bytes:
        return text
    room = max(0, most_bytes - _MARK_BYTES)
    first = _fits(text, room // _BEGINNING)
    last = _fits(text[::-1], room - room // _BEGINNING)
    left_out = len(text) - first - last
    return f"{text[:first]}\n[{left_out} characters are left out]\n{text[len(text) - last :]}"


def stored_bytes(text: str) -> int:
    """Bytes of the text in a JSON string."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text)
    return sum(map(_bytes, text))


def _fits(text: str, room: int) -> int:
    """How many of the first characters take no more than so many bytes."""
    for number, character in enumerate(text):
        room -= _bytes(character)
        if room < 0:
            return number
    return len(text)


def _bytes(character: str) -> int:
    if character in _SHORT:
        return 2
    if character < " ":
        return 6
    return 1 if character < "\x80" else 2 if character < "\u0800" else 3 if character < "\U00010000" else 4
