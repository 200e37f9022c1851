"""The files as texts: what is written, the parser of the settings reads as the same settings; and etcd's, line by line."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from setup.cases import settings_of
from understudy.model.settings import NetworkSettings, ServerSettings, Settings, TlsFiles, parse_settings
from understudy.setup.written import etcd_text, settings_text

NAMES = st.sampled_from(["ctr1", "ctr2", "A.b-c", "_", "0", "x" * 63])
PATHS = st.sampled_from(["/", "/k/a.pem", "/srv/ä ß", '/a"b', "/back\\slash", "/#x = 1", "/['']"])
ADDRESSES = st.lists(st.ip_addresses().map(str), min_size=1, max_size=3).map(tuple)
TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=15)
SERVERS = st.lists(NAMES, min_size=1, max_size=5, unique=True).flatmap(
    lambda names: st.tuples(*(st.builds(ServerSettings, name=st.just(name), addresses=ADDRESSES) for name in sorted(names)))
)


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Whatever understudy.toml can say."""
    servers = draw(SERVERS)
    etcd = draw(st.booleans())
    return Settings(
        cluster=draw(TEXTS),
        server=draw(st.sampled_from(servers)).name,
        servers=servers,
        voters=(draw(st.sampled_from(servers)).name,),
        voter_set=draw(st.integers(1, 9)),
        pause_tolerance=draw(st.sampled_from([0.25, 2.0, 60.0])),
        engine="etcd" if etcd else "sqlite",
        registry=("10.10.20.1:7400", "[fd00::1]:7400"),
        registry_tls=TlsFiles(ca=draw(PATHS), certificate=draw(PATHS), key=draw(PATHS)) if etcd else None,
        networks=(NetworkSettings(number=draw(st.integers(1, 999)), subnet="10.10.10.0/24", interface="eth1"),),
        guard_port=draw(st.integers(1, 65535)),
        guard_key=draw(PATHS),
        reboot_on_lapse=draw(st.booleans()),
        state_dir=draw(PATHS),
        leave_within=draw(st.sampled_from([1.0, 300.0])),
        join_port=draw(st.sampled_from([0, 7402])),
        cgroup=draw(st.just("") | PATHS),
        storage=draw(st.just(()) | ADDRESSES),
        filesystems=draw(st.just(()) | st.tuples(PATHS)),
    )


@given(all_settings())
def test_what_is_written_is_read_as_the_same(settings: Settings) -> None:
    assert parse_settings(settings_text(settings)) == settings


ETCD = """# Made by `understudy cluster`: this server's member of the cluster's etcd.
name: "ctr2"
data-dir: "/var/lib/understudy/etcd"
logger: "zap"
listen-client-urls: "https://10.10.20.2:7400"
advertise-client-urls: "https://10.10.20.2:7400"
listen-peer-urls: "https://10.10.20.2:7401"
initial-advertise-peer-urls: "https://10.10.20.2:7401"
initial-cluster: "ctr1=https://10.10.20.1:7401,ctr2=https://10.10.20.2:7401,ctr3=https://10.10.20.3:7401"
initial-cluster-state: "new"
initial-cluster-token: "prod"
heartbeat-interval: 50
election-timeout: 500
pre-vote: true
auto-compaction-mode: "revision"
auto-compaction-retention: "10000"
client-transport-security:
  trusted-ca-file: "/etc/understudy/keys/authority.pem"
  cert-file: "/etc/understudy/keys/server.pem"
  key-file: "/etc/understudy/keys/server.key"
  client-cert-auth: true
peer-transport-security:
  trusted-ca-file: "/etc/understudy/keys/authority.pem"
  cert-file: "/etc/understudy/keys/server.pem"
  key-file: "/etc/understudy/keys/server.key"
  client-cert-auth: true
"""


def test_a_member_of_etcd_knows_all_members_from_the_start() -> None:
    assert etcd_text(settings_of(2)) == ETCD


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    settings = settings_of()
    six = replace(settings, servers=tuple(replace(each, addresses=(f"fd00::{each.name[-1]}",)) for each in settings.servers))
    assert 'listen-peer-urls: "https://[fd00::1]:7401"' in etcd_text(six)
