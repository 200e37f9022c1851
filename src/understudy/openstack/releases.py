"""The catalogues that are installed: each is a file of `catalogue/`, and a further release is a further file."""

from pathlib import Path

from understudy.openstack.core.catalogue import Catalogue, read_catalogue
from understudy.openstack.core.named import named_places

FOLDER = Path(__file__).parent / "catalogue"
SCHEMA = Path(__file__).parent / "site.schema.json"
"""Of site.toml, for editors."""


def release_names() -> tuple[str, ...]:
    """All there are."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_release(name: str) -> Catalogue:
    """The catalogue of one of them. BadCatalogue, OSError."""
    return read_catalogue((FOLDER / f"{name}.toml").read_text(), name)


def places_named() -> frozenset[str]:
    """Every place of a server that some release which is installed here names. BadCatalogue, OSError."""
    return frozenset(place for name in release_names() for place in named_places(load_release(name)))
