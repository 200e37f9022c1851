"""crsctl get."""

from understudy.cli.options import Command

COMMANDS = {
    "cluster": Command(
        "crsctl get cluster {name}", "get-cluster", about="The name of the cluster.", example="crsctl get cluster name", options={}
    ),
    "css": Command(
        "crsctl get css {misscount | disktimeout | reboottime}",
        "get-css",
        about="What corresponds to a time of Cluster Synchronization Services, in seconds; all of them follow from pause_tolerance. "
        "misscount: a server that is silent for so long is lost. disktimeout: one that reaches no majority of voters for so long has "
        "stopped everything. reboottime: what it has for that.",
        example="crsctl get css misscount",
        options={},
    ),
    "resource": Command(
        "crsctl get resource {use}",
        "get-resource-use",
        about="Whether resources may be started on this server.",
        example="crsctl get resource use",
        options={},
    ),
}
