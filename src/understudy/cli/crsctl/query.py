"""crsctl query."""

from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl query crs {activeversion | softwareversion | releaseversion | releasepatch | softwarepatch | autostart}",
        "query-crs",
        about="Of which version this server is, in which format all write the registry, and that no start is delayed.",
        example="crsctl query crs activeversion\ncrsctl query crs autostart",
        options={},
    ),
    "css": Command(
        "crsctl query css {votedisk}",
        "query-css",
        about="The voters, which are servers here and no disks: whether each takes part.",
        example="crsctl query css votedisk",
        options={},
    ),
}
