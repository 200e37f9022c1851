"""The command `understudy-registry`: opens a store and serves it until it is asked to end.

Called by systemd, or by the lab outside all lab hosts. Must never serve a file that it does not own alone, nor go on after the disk
failed: what is on it can then be known only by opening it again.
"""

import argparse
import asyncio
import ipaddress
import signal
import sys
from collections.abc import Sequence

from understudy import __version__
from understudy.errors import BadSettings, UnderstudyError
from understudy.guard.configured import UNUSABLE, raise_limit, unusable
from understudy.guard.log import log, running
from understudy.linux.keys import read_key
from understudy.linux.processes import be_served_first
from understudy.model import logevents
from understudy.registry.sqlite import access
from understudy.registry.sqlite.server import RegistryServer
from understudy.registry.sqlite.store import Store

PROCESS = "understudy-registry"
_EXAMPLE = """\
example, for four servers on one interconnect:
  understudy-registry --listen 10.10.10.9:7400 --store /var/lib/understudy/registry.db --key /etc/understudy/keys/guard.key
and in the servers' understudy.toml:
  [registry]
  engine = "sqlite"
  endpoints = ["10.10.10.9:7400"]
"""
_KEYLESS = (
    "without --key whoever reaches {} may register a program that every server runs as root. "
    "Name the cluster's key file; or --no-key, if that is what you want"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM (0), or until the store or the address cannot be used (1), or what was written cannot (2)."""
    options = _parser().parse_args(arguments)
    try:
        address, port = access.parse_endpoint(options.listen)
        if options.key is None and not ipaddress.ip_address(address).is_loopback and not options.no_key:
            print(f"{PROCESS}: {_KEYLESS.format(address)}", file=sys.stderr)
            return UNUSABLE
        key = None if options.key is None else read_key(options.key, "--key")
        raise_limit()
        be_served_first()
        with Store(options.store) as store:
            return asyncio.run(_begin(store, key, address, port))
    except BadSettings as error:
        return unusable(PROCESS, error)
    except UnderstudyError as error:
        print(f"{PROCESS}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{PROCESS}: cannot listen on {options.listen}: {error.strerror or error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy-registry",
        description="Serve the cluster's registry from one SQLite file. Exactly one such process serves a cluster.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"understudy {__version__}", help="which version this is")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", required=True, help="where to listen; port 0: any that is free")
    parser.add_argument("--store", metavar="FILE", required=True, help="the store; made if it is missing")
    parser.add_argument("--key", metavar="FILE", help="64 hex digits; clients must hold the same")
    parser.add_argument("--no-key", action="store_true", help="serve without a key, and not on loopback only: whoever reaches it may write")
    return parser


async def _begin(store: Store, key: bytes | None, address: str, port: int) -> int:
    """Listen; what keeps it from that is for whoever gave the command, and what comes after it is for the log."""
    server = RegistryServer(store, key=key)
    where = access.show_endpoint(*await server.start(address, port))
    with running(PROCESS):
        log(logevents.LISTENING, at=where, store=str(store.path), revision=store.revision)
        return await _serve(server)


async def _serve(server: RegistryServer) -> int:
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    ending = asyncio.create_task(asked_to_end.wait())
    await asyncio.wait((ending, server.failed), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    await server.close()
    if server.failed.done():
        return 1  # it was logged when it happened
    log(logevents.ENDED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
