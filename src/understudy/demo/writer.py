"""The client of the demo: a user of the database who knows nothing of the cluster. Runs on the lab's client host.

Writes one row every 20 ms through the virtual address, with a new connection after each failure, and prints what was acknowledged:
`ok ID TIME` after each commit, `no TIME` after each failure (CLOCK_MONOTONIC, the same for every host of the lab). Ends when its
input ends. At the end it reads the table back and prints `lost ID` for every acknowledged row that is not there, then `end`.
"""

import argparse
import contextlib
import os
import select
import sys
import time
from typing import Any

CONNECT_S = 0.15
ANSWER_S = 0.5


def main() -> int:
    """The command."""
    arguments = _parser().parse_args()
    acknowledged: list[int] = []
    connection: Any = None
    number, due = 0, time.monotonic()
    while not _ended():
        number += 1
        due = max(due + arguments.every, time.monotonic())
        try:
            connection = connection or _connect(arguments)
            with connection.cursor() as cursor:
                cursor.execute("insert into rows_written (id) values (%s)", (number,))
        except Exception:  # noqa: BLE001  any failure is the same to this user: it has not been acknowledged
            _hang_up(connection)
            connection = None
            print(f"no {time.monotonic():.6f}", flush=True)
        else:
            acknowledged.append(number)
            print(f"ok {number} {time.monotonic():.6f}", flush=True)
        time.sleep(max(0.0, due - time.monotonic()))
    _hang_up(connection)
    _read_back(arguments, acknowledged)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="writes rows through a virtual address", epilog="example: writer.py --address 10.10.10.11")
    parser.add_argument("--address", required=True)
    parser.add_argument("--every", type=float, default=0.02, help="seconds between two rows")
    parser.add_argument("--user", default="demo")
    parser.add_argument("--password", default="demo")
    parser.add_argument("--database", default="demo")
    return parser


def _connect(arguments: argparse.Namespace, patience_s: float = CONNECT_S) -> Any:
    import pymysql

    return pymysql.connect(
        host=arguments.address,
        user=arguments.user,
        password=arguments.password,
        database=arguments.database,
        autocommit=True,
        connect_timeout=patience_s,
        read_timeout=max(ANSWER_S, patience_s),
        write_timeout=max(ANSWER_S, patience_s),
    )


def _hang_up(connection: Any) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):
            connection._force_close()  # close() would wait for a server that is not there any more


def _ended() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and not os.read(sys.stdin.fileno(), 64)


def _read_back(arguments: argparse.Namespace, acknowledged: list[int]) -> None:
    connection = _connect(arguments, patience_s=10.0)
    with connection.cursor() as cursor:
        cursor.execute("select id from rows_written")
        there = {row[0] for row in cursor.fetchall()}
    connection.close()
    for number in acknowledged:
        if number not in there:
            print(f"lost {number}")
    print("end", flush=True)


if __name__ == "__main__":
    sys.exit(main())
