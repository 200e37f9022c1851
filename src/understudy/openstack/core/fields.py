"""What may stand in site.toml: every section, every key, what it means and what is written there.

One table, of which the loader (`site.py`), the commented file, the JSON schema and the page of the site file (`sample.py`) are made: they
cannot say different things. Must never: hold a value of anybody's site.
"""

from dataclasses import dataclass
from enum import Enum

ROLES = ("controller", "network", "service", "compute")
PROJECTS = ("mysql", "rabbitmq", "keystone", "glance", "cinder", "nova", "neutron", "swift", "horizon", "placement", "memcached")
VIRTUAL = ("mysql", "rabbitmq", "keystone", "cinder", "glance", "swift", "nova", "neutron")
STORES = ("mysql", "rabbitmq", "glance", "cinder")


class Form(Enum):
    """How a value is written."""

    NAME = "a name of letters, digits and . _ -, at most 63"
    TEXT = "a text of 1 to 255 printable characters"
    ADDRESS = 'an IP address, as "10.10.10.11"'
    SUBNET = 'an IP network, as "10.10.20.0/24"'
    INTERFACE = 'the name of a network interface, of 1 to 15 characters, as "eth1"'
    PATH = "a path that begins with /"
    EXPORT = 'what mount takes, as "myfileserv.example.com:/mysql_data"'
    REFERENCE = 'where the secret is: "file:/path", "file:/path#name" (the line name=secret of that file) or "env:NAME"'
    WHOLE = "a whole number from 1 to 64"
    CHOICE = "one of the words"
    CHOICES = "a list of the words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a section. `usual`: what counts where the key is not given; None: it must be given."""

    key: str
    form: Form
    about: str
    usual: str | tuple[str, ...] | None = None
    example: str | tuple[str, ...] = ""
    words: tuple[str, ...] = ()
    """Of CHOICE and CHOICES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section; `several`: of each name there is one below it, as [servers.ctr1]. `names`: those that are allowed; empty: any."""

    name: str
    about: str
    fields: tuple[Field, ...] = ()
    several: bool = False
    names: tuple[str, ...] = ()
    open_fields: Field | None = None
    """Keys are free names, and this says what their values are."""


SITE = (
    Section(
        name="",
        about="The site as a whole.",
        fields=(
            Field(key="release", form=Form.NAME, about="Which OpenStack: the name of a catalogue.", example="zed"),
            Field(key="region", form=Form.NAME, about="The region of the endpoints.", usual="RegionOne"),
            Field(
                key="clustered",
                form=Form.CHOICE,
                words=("all", "api"),
                about="Which services of the controllers the cluster keeps running: all, or those with an API alone.",
                usual="all",
            ),
            Field(
                key="datapath",
                form=Form.CHOICE,
                words=("system", "netdev"),
                about="Of Open vSwitch on network servers: netdev where the kernel has no module for it; empty: as it is.",
                usual="",
                example="netdev",
            ),
            Field(
                key="projects",
                form=Form.CHOICES,
                words=PROJECTS,
                about="What is installed here; of anything else nothing is expected.",
                usual=PROJECTS,
            ),
        ),
    ),
    Section(
        name="servers",
        several=True,
        about="A server, by its name in the cluster.",
        fields=(
            Field(key="roles", form=Form.CHOICES, words=ROLES, about="What it does.", example=("controller",)),
            Field(key="address", form=Form.ADDRESS, about="Its own address in the management network.", example="10.10.10.1"),
            Field(
                key="ssh",
                form=Form.TEXT,
                about="How it is reached by ssh, as root@ctr2; without it through its daemon.",
                usual="",
                example="root@10.10.10.2",
            ),
            Field(key="ssh_key", form=Form.PATH, about="The file with the private key for that; empty: ssh's own choice.", usual=""),
        ),
    ),
    Section(
        name="networks",
        several=True,
        names=("management", "interconnect"),
        about="A network that all servers share.",
        fields=(
            Field(key="subnet", form=Form.SUBNET, about="The network.", example="10.10.10.0/24"),
            Field(key="interface", form=Form.INTERFACE, about="The interface in it, the same on all servers.", example="eth1"),
            Field(key="number", form=Form.WHOLE, about="Its number in understudy.toml, [network.N].", usual="1"),
        ),
    ),
    Section(
        name="addresses",
        about="The virtual addresses, in the management network; each moves with its services.",
        fields=tuple(
            Field(key=name, form=Form.ADDRESS, about=f"Of {name}.", usual="", example=f"10.10.10.{number}")
            for number, name in enumerate(VIRTUAL, 11)
        ),
    ),
    Section(
        name="endpoints",
        about="How users of the services see them.",
        fields=(
            Field(
                key="public_host",
                form=Form.TEXT,
                about="Name or address in the public endpoints; empty: the virtual addresses.",
                usual="",
                example="cloud.example.com",
            ),
            Field(key="scheme", form=Form.CHOICE, words=("http", "https"), about="Of the public endpoints.", usual="http"),
        ),
    ),
    Section(
        name="storage",
        several=True,
        names=STORES,
        about="A directory on shared storage.",
        fields=(
            Field(key="export", form=Form.EXPORT, about="What is mounted.", example="myfileserv.example.com:/mysql_data"),
            Field(key="path", form=Form.PATH, about="Where; empty: where the release has it.", usual=""),
            Field(key="type", form=Form.NAME, about="File system type, if mount needs it.", usual=""),
            Field(key="options", form=Form.TEXT, about="Mount options, if it needs them.", usual=""),
        ),
    ),
    Section(
        name="credentials",
        about="Where each secret is; never the secret itself.",
        open_fields=Field(key="", form=Form.REFERENCE, about="A secret.", example="env:KEYSTONE_DATABASE"),
    ),
)  # fmt: skip
