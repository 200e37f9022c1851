"""Causes and actions of the states of a cluster, which checks and the alert log name. Data only; docs/guide/states.md shows each."""

_SAYS = "The message itself says what to do."
_LOG = "Look at the log of that server's understudyd and understudy-exec."

STATES: dict[int, tuple[str, str]] = {
    20068: ("The daemon gets no answer from the registry. What runs goes on; nothing can be changed.", _SAYS),
    20069: ("The guard could not do what it has to, or was hindered.", _SAYS),
    20101: ("Daemon or executor of that server hang or are gone, while its guard holds the lease.", _SAYS),
    20102: ("Nothing has come from that server for a while.", _SAYS),
    20110: ("As UND-0101, in the alert log.", _LOG),
    20111: ("A server that could not act can again.", "None."),
    20112: ("A server is granted no lease any more, on request or because it could not act.", "None: it joins again by itself."),
    20113: (
        "A resource could not be ended on a server that has been silent since; silence alone does not prove that it is gone.",
        "See that the server is off, then: understudy server confirm-off NAME",
    ),
    20114: ("The script's check does not answer there.", "See why, on that server."),
    20115: ("As UND-0069, in the alert log.", _LOG),
    20120: ("The server votes and does nothing else, or is not part of the cluster yet.", _SAYS),
    20125: ("The registry was replaced by an older copy, or is empty.", "Compare crsctl stat res -t with what was wanted."),
    20126: ("Every server has said what runs there.", "None."),
    20127: ("Another epoch of the resource is known there than in the registry.", "None: the leader chooses a higher one."),
    20128: ("A change of the voters is under way.", "None: it ends when all have acknowledged it."),
    20129: ("The settings file names other voters than those of the registry.", "Write the registry's into the file."),
    20130: ("The server was removed from the cluster.", "Join it again with a token, if that was not meant."),
    20131: ("No process of the resource is in its control group: only checks notice its end.", "See how the script starts it."),
    20132: ("The resource was found running where nobody had started it.", "See who did; it is stopped there."),
    20133: ("The script is not there, or no process can be made.", _LOG),
    20140: ("Fewer than half of the voters can be reached. Everything here is stopped when the lease ends.", _SAYS),
    20141: ("Its guard has no lease: nothing may run there.", _SAYS),
    20142: ("The guard's socket does not answer.", "systemctl status understudy-guard; it is started again by itself."),
    20143: ("No server leads, so that nothing is decided.", _SAYS),
    20144: ("The registry says less than was known before.", _SAYS),
    20145: ("Something that does no harm yet is missing: the next fault may do it.", _SAYS),
    20146: ("Nothing can be started, stopped or checked there.", _SAYS),
    20147: ("The file cannot be written.", "Make room on its disk, or see its rights."),
    20149: ("The server is stopping everything in order, or has done so.", "crsctl start crs there brings it back."),
    20171: ("Its quota or its disk is full.", "understudy cluster repair-registry makes room in an etcd."),
    20220: ("What has to move together is too large for one commit of the registry.", "Take dependencies on the same server away."),
    20230: ("Something of a resource that was deleted still runs there.", _SAYS),
    20359: ("Somebody has restored a backup.", "None."),
}
