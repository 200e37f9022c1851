"""A login to MySQL or MariaDB and a query, in as much of the protocol as that takes."""

import struct
from hashlib import sha1

from probing.answer import MOST, UNCLEAR, ProbeAnswer, connect, receive


class QueryRefused(ValueError):
    """What a database said no to: its error number and words."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(words)
        self.number = number


class MySql:
    """One login to MySQL or MariaDB, by the protocol they share (4.1, text results)."""

    def __init__(self, place: tuple[str, int, str, str, str], deadline: float) -> None:
        host, port, user, password, name = place
        self._connection = connect(host, port, deadline)
        greeting = self._packet()
        if greeting[:1] == b"\xff":
            raise self._refusal(greeting)
        after = greeting.index(b"\0", 1) + 5
        salt = greeting[after : after + 8] + greeting[after + 27 : after + 39]
        flags = 0x0008A20D  # long password, long flags, a database is named, protocol 4.1, transactions, secure login, its way is named
        token = self._scrambled(password, salt)
        answer = struct.pack("<IIB23x", flags, MOST, 33) + user.encode() + b"\0" + bytes([len(token)]) + token
        self._send(answer + name.encode() + b"\0mysql_native_password\0", 1)
        self._logged_in(password)

    def _logged_in(self, password: str) -> None:
        answer = self._packet()
        if answer[:1] == b"\xfe":  # another way to log in is asked for
            plugin, _, salt = answer[1:].partition(b"\0")
            if plugin != b"mysql_native_password":
                name = plugin.decode(errors="replace")
                raise ProbeAnswer(UNCLEAR, f"the database wants a login by {name}, which this check does not know")
            self._send(self._scrambled(password, salt[:20]), self._number + 1)
            answer = self._packet()
        if answer[:1] == b"\xff":
            raise self._refusal(answer)

    def rows(self, query: str) -> list[list[str]]:
        """Of one query; a null is an empty text. QueryRefused, OSError, EOFError."""
        self._send(b"\x03" + query.encode(), 0)
        head = self._packet()
        if head[:1] == b"\xff":
            raise self._refusal(head)
        while self._packet()[:1] != b"\xfe":  # the columns
            pass
        found: list[list[str]] = []
        while (packet := self._packet())[:1] != b"\xfe":
            if packet[:1] == b"\xff":
                raise self._refusal(packet)
            found.append(_texts(packet))
        return found

    def close(self) -> None:
        """In good order: the server counts the others as failed attempts."""
        self._send(b"\x01", 0)
        self._connection.close()

    @staticmethod
    def _scrambled(password: str, salt: bytes) -> bytes:
        if not password:
            return b""
        once = sha1(password.encode()).digest()
        mask = sha1(salt + sha1(once).digest()).digest()
        return bytes(left ^ right for left, right in zip(once, mask, strict=True))

    def _send(self, data: bytes, number: int) -> None:
        self._connection.sendall(struct.pack("<I", len(data))[:3] + bytes([number & 0xFF]) + data)

    def _packet(self) -> bytes:
        head = receive(self._connection, 4)
        self._number = head[3]
        return receive(self._connection, int.from_bytes(head[:3], "little"))

    @staticmethod
    def _refusal(packet: bytes) -> QueryRefused:
        words = packet[9:] if packet[3:4] == b"#" else packet[3:]
        return QueryRefused(struct.unpack("<H", packet[1:3])[0], words.decode(errors="replace"))


def _texts(packet: bytes) -> list[str]:
    """The values of a row: each with its length before it, in one byte or three; 251 is a null."""
    row: list[str] = []
    while packet:
        size, start = packet[0], 1
        if size == 0xFB:
            size = 0
        elif size > 0xFB:
            size, start = int.from_bytes(packet[1:3], "little"), 3
        row.append(packet[start : start + size].decode(errors="replace"))
        packet = packet[start + size :]
    return row
