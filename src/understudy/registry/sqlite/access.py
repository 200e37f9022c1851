"""Who may talk to the registry's server, and where it is: endpoints, the cluster key, and the proof that one holds it.

Called by server, client, `main.py` and whoever wires the client. Must never log or print a key.

The proof is mutual: the client proves the key to the server, then the server to the client, each over both nonces, so that neither
can be replayed nor played back to its sender. What follows on the connection is neither encrypted nor signed: the interconnect is
trusted not to alter traffic, as it is for the service's own data; the key keeps strangers and wrong clusters out.
"""

import hmac

from understudy.model.tables import parse_endpoint as parse_endpoint

NONCE_BYTES = 16


def show_endpoint(address: str, port: int) -> str:
    """The text of an endpoint."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def prove(key: bytes, role: bytes, server_nonce: bytes, client_nonce: bytes, client: bytes) -> bytes:
    """What only a holder of the key can say in this very hello; `role` is b"client" or b"server"."""
    parts = (b"understudy-registry", role, server_nonce, client_nonce, client)
    return hmac.digest(key, b"".join(len(part).to_bytes(2, "big") + part for part in parts), "sha256")


def same(own: bytes, other: bytes) -> bool:
    """Compare two proofs, telling nothing by the time it takes."""
    return hmac.compare_digest(own, other)
