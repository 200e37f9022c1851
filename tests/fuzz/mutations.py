"""Bytes made of valid messages, from a seed: cut, repeated, put together, with other numbers, brackets and characters in them."""

import random
from collections.abc import Iterator, Sequence

_PIECES = (
    b"\0", b"\xff", b"\xff" * 8, b"\x80", b"\xc3\x28", b"[" * 2000, b"{\"a\":" * 500, b"\r\n", b"\n", b":", b",", b"'", b'"', b"=", b"(",
    b"-1", b"0", b"1e999", b"NaN", b"9" * 400, b"18446744073709551616", b"null", b"true", b"\\ud800", b"%00", b"%", b"\xf0\x9f\x98\x80",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], longest: int, dice: random.Random) -> Iterator[bytes]:
    """Without end. The valid ones come first, then every beginning of each."""
    for seed in seeds:
        yield seed
        for end in range(0, len(seed), max(1, len(seed) // 64)):
            yield seed[:end]
    while True:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 6)):
            _change(data, seeds, dice)
        yield bytes(data[:longest])


def _change(data: bytearray, seeds: Sequence[bytes], dice: random.Random) -> None:
    at = dice.randint(0, len(data))
    match dice.randrange(6):
        case 0 if data:
            data[at % len(data)] = dice.randrange(256)
        case 1 if data:
            data[at % len(data)] ^= 1 << dice.randrange(8)
        case 2:
            del data[at : at + dice.randint(1, 16)]
        case 3:
            data[at:at] = dice.choice(_PIECES)
        case 4:
            other = dice.choice(seeds)
            start = dice.randint(0, len(other))
            data[at:] = other[start:]
        case _:
            data[at:at] = data[at : at + dice.randint(1, 64)] * dice.randint(1, 8)
