"""The scripts of directories against real mounts, in a mount namespace of its own. (Those of services: tests/openstack/scripts.)"""

import subprocess
from pathlib import Path

import pytest

from executor.hung import hung_storage
from executor.rig import have_root
from openstack.scripts.contract import SPELT_OTHERWISE

SCRIPTS = Path(__file__).parents[2] / "src/understudy/openstack/scripts"
CONF = "MYSQL_DATA_EXPORT='server:/export'\nMYSQL_DATA_PATH=\"{path}\"   # where\nMYSQL_DATA_TYPE=tmpfs\n"

# `run CONF SCRIPT...`: /etc/openstack-ha-data.conf as given, for this command alone
WRAPPER = """\
mount -t tmpfs etc {folder}/etc && mkdir {folder}/etc/up {folder}/etc/work &&
mount -t overlay etc -o lowerdir=/etc,upperdir={folder}/etc/up,workdir={folder}/etc/work /etc || exit 99
[ -e {folder}/conf ] && cp {folder}/conf /etc/openstack-ha-data.conf
data() {{ {scripts}/mysql-data.scr "$@"; }}
glance() {{ {scripts}/glance-data.scr "$@"; }}
"""


class ScriptHost:
    """A place where mounts can be made that nobody else sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "data"
        (folder / "etc").mkdir()
        self.configure(CONF.format(path=self.path))

    def configure(self, text: str) -> None:
        (self.folder / "conf").write_text(text)

    def run(self, commands: str) -> tuple[int, str]:
        script = WRAPPER.format(folder=self.folder, scripts=SCRIPTS) + commands
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60)
        assert done.returncode != 99, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def host(tmp_path: Path) -> ScriptHost:
    if not have_root():
        pytest.skip("needs root")
    return ScriptHost(tmp_path)


@pytest.mark.lab
def test_the_directory_is_mounted_and_unmounted(host: ScriptHost) -> None:
    """Each twice: scripts are called again when nobody knows whether they were."""
    steps = "data check; echo $?; data start && data start && data check; echo $?; data stop && data stop; echo $?; data check; echo $?"
    assert host.run(steps) == (0, "1\n0\n0\n1\n")


@pytest.mark.lab
def test_a_foreign_mount_is_neither_ours_nor_touched(host: ScriptHost) -> None:
    """It is named, and left alone."""
    host.path.mkdir()
    steps = f"mount -t tmpfs stranger {host.path}; data start; echo $?; data check; echo $?; data stop; data clean; echo $?"
    steps += f"; grep -c stranger /proc/self/mountinfo; : {host.path}"
    assert host.run(steps) == (
        0,
        f"CRS_ERROR:{host.path} is taken: stranger is mounted there, not server:/export\n1\n"
        f"CRS_STATE_DETAILS:stranger is mounted on {host.path}, not server:/export\n1\n0\n1\n",
    )


@pytest.mark.lab
def test_a_mount_point_that_is_declared_elsewhere_is_refused(host: ScriptHost) -> None:
    """A lapse would unmount the declared place, and leave the real one."""
    steps = "export _CRS_MOUNT_POINT=/elsewhere; data start; echo $?; data check; echo $?"
    said = f"MYSQL_DATA_PATH in /etc/openstack-ha-data.conf is {host.path}: make them the same"
    assert host.run(steps) == (0, f"CRS_ERROR:MOUNT_POINT of this resource is /elsewhere, {said}\n1\n1\n")
    assert host.run(f"export _CRS_MOUNT_POINT={host.path}; data start; data check") == (0, "")


@pytest.mark.lab
def test_who_is_in_the_way_is_named_by_stop_and_killed_by_clean(host: ScriptHost) -> None:
    """The ladder's next rung."""
    status, printed = host.run(
        f"data start; cd {host.path}; sleep 1000 & cd /; data stop; echo $?; data clean; echo $?; data check; echo $?"
    )
    assert status == 0
    error, stopped, warning, *rest = printed.splitlines()
    assert error.startswith(f"CRS_ERROR:{host.path} cannot be unmounted")
    assert error.endswith("(sleep)")
    assert stopped == "1"
    assert warning.startswith("CRS_WARNING:killing what is in the way: ")
    assert rest == ["0", "1"]


@pytest.mark.lab
def test_files_below_the_mount_point_are_warned_of(host: ScriptHost) -> None:
    """They would be hidden; the mount is made all the same."""
    host.path.mkdir()
    (host.path / "ibdata1").touch()
    status, printed = host.run("data start")
    assert status == 0
    assert printed == f"CRS_WARNING:{host.path} is not empty: its files are hidden while server:/export is mounted over them\n"


@pytest.mark.lab
@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ("", "/etc/openstack-ha-data.conf does not say MYSQL_DATA_EXPORT"),
        ("MYSQL_DATA_EXPORT=a:/b\n", "/etc/openstack-ha-data.conf does not say MYSQL_DATA_PATH"),
        ("MYSQL_DATA_EXPORT=a:/b\nMYSQL_DATA_PATH=data", "MYSQL_DATA_PATH is data, it must be an absolute path"),
        ('MYSQL_DATA_EXPORT="a:/b\nsyntax error (\n', "does not say MYSQL_DATA_PATH"),
    ],
)
def test_bad_settings_are_said_and_a_check_cannot_tell(host: ScriptHost, conf: str, says: str) -> None:
    """Status 3: neither running nor stopped."""
    host.configure(conf)
    status, printed = host.run("data check; echo $?; data start")
    assert status == 1
    assert printed.count(says) == 2
    assert "\n3\n" in printed


@pytest.mark.lab
def test_storage_that_is_dead_holds_up_neither_check_nor_clean(host: ScriptHost, tmp_path: Path) -> None:
    """Whatever touched it would hang."""
    host.configure(f"GLANCE_DATA_EXPORT='hung'\nGLANCE_DATA_PATH='{tmp_path / 'hung'}'\n")
    with hung_storage(tmp_path / "hung"):
        assert host.run("glance check; echo $?; glance clean; echo $?; glance check; echo $?") == (0, "0\n0\n1\n")


@pytest.mark.lab
def test_a_new_export_is_given_to_the_user_who_must_write_to_it(host: ScriptHost) -> None:
    """One that somebody has given away already stays as it is."""
    host.configure(f"GLANCE_DATA_EXPORT='server:/x'\nGLANCE_DATA_PATH='{host.path}'\nGLANCE_DATA_TYPE=tmpfs\n")
    steps = f"echo glance:x:4711:4711::/:/bin/false >>/etc/passwd; echo glance:x:4711: >>/etc/group; glance start; stat -c %u {host.path}; "
    steps += f"chown 42 {host.path}; glance start; stat -c %u {host.path}"
    assert host.run(steps) == (0, "4711\n42\n")


@pytest.mark.lab
def test_a_new_export_is_as_open_as_the_directory_that_it_covers(host: ScriptHost) -> None:
    """What `understudy openstack apply` has set there holds also while it is mounted."""
    host.configure(f"GLANCE_DATA_EXPORT='server:/x'\nGLANCE_DATA_PATH='{host.path}'\nGLANCE_DATA_TYPE=tmpfs\n")
    steps = "echo glance:x:4711:4711::/:/bin/false >>/etc/passwd; echo glance:x:4711: >>/etc/group; "
    steps += f"mkdir -m 750 {host.path}; glance start; stat -c %a-%u {host.path}"
    assert host.run(steps) == (0, "750-4711\n")


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.scr")), ids=lambda path: path.name)
def test_a_script_asked_for_something_else_says_how_to_use_it(script: Path) -> None:
    """And abort has nothing to do."""
    done = subprocess.run([str(script), "fly"], capture_output=True, text=True)
    said = script.with_stem(SPELT_OTHERWISE.get(script.stem, script.stem))
    assert (done.returncode, done.stdout) == (2, f"usage: {said} start|stop|check|clean|abort\n")
    assert subprocess.run([str(script), "abort"]).returncode == 0
