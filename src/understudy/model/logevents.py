"""What the processes log: every event, its level, what it means and what to do. Constants only.

`docs/guide/logs.md` is made of it (`pytest tests/test_docs.py --rewrite`). What is an event of the history is logged too, under the name
that it has there (`model/events.py`).
Called by: whoever logs. Must never: be spelled anew where something is logged.
"""

from typing import Literal, NamedTuple

from understudy.model import events

Level = Literal["debug", "info", "warning", "error"]
NOTHING = "Nothing."


class LogEvent(NamedTuple):
    """One kind of line in a log."""

    name: str
    level: Level
    meaning: str
    todo: str = NOTHING


# --- of every process -----------------------------------------------------------------------------------------------

STARTED = LogEvent("started", "info", "The process has begun its work, on the server and in the cluster that are named.")
ENDED = LogEvent("ended", "info", "The process was asked to end, and ends.")
FAULT = LogEvent(
    "fault",
    "error",
    "Something failed in Understudy itself; `traceback` says where. Where that leaves it unable to go on, the process ends and is started"
    " again; what runs goes on running.",
    "Report it, with the line.",
)
LIBRARY = LogEvent(
    "library",
    "warning",
    "A library (`logger`) says something of its own accord. Its level is the library's.",
    "If it comes again and again, report it.",
)
LINES_LOST = LogEvent(
    "lines-lost",
    "warning",
    "So many lines (`lost`) before this one could not be written, and why.",
    "Make room where the log is (`df`), or see why its disk hangs. What happened meanwhile is in `understudy history`.",
)
PID_NOT_WRITTEN = LogEvent(
    "pid-not-written",
    "warning",
    "The file with the process's number could not be written. The guard knows the process by its connection and its lock as well.",
    "Make room in the folder that `why` names.",
)
SECOND_LINE = LogEvent(
    "second-line",
    "warning",
    "The lease ended and `understudy-guard` stopped nothing, so this process has ended everything itself; or it cannot get ready for that.",
    "Find out what stopped `understudy-guard` (SIGSTOP, a frozen control group, a real-time loop); let it go on, or kill it.",
)

# --- keeper and guard -----------------------------------------------------------------------------------------------

PRIORITY = LogEvent(
    "priority",
    "info",
    "At which priority keeper and guard run: `rr` is as it should be, anything else says what the machine refused.",
    "If it was refused, allow real-time priority and locked memory, or set `pause_tolerance` to 1.5 s or more.",
)
REFUSED_SETTINGS = LogEvent(
    "settings-refused",
    "warning",
    "The common settings (cluster, voters, pause tolerance) of this server or of a voter are not those of the others: no lease is given.",
    "Make `understudy.toml` the same on every server, and restart `understudy-guard`.",
)
KEYS_TAKEN = LogEvent(
    "keys-taken",
    "info",
    "The guard was given other keys by its daemon, which are in the key file: it sends with the one that is named, and accepts each that is"
    " named.",
)
KEYS_NOT_TAKEN = LogEvent(
    "keys-not-taken",
    "warning",
    "This server's part in an exchange of the guards' key could not be done, or its key file cannot be used. It is tried again.",
    "See to what is named. A key that is sealed for another certificate comes with a new token: `understudy cluster join`.",
)
CERTIFICATE_GIVEN = LogEvent(
    "certificate-given", "info", "Another server's certificate was renewed by this one, for the same name and key."
)
CERTIFICATE_RENEWED = LogEvent(
    "certificate-renewed", "info", "This server's certificate was renewed; it counts from the next connection on."
)
CERTIFICATE_NOT_RENEWED = LogEvent(
    "certificate-not-renewed",
    "warning",
    "This server's certificate has passed two thirds of its life and could not be renewed: no voter with the authority's key has signed"
    " another. It is tried again every hour.",
    "See that understudyd runs on the voters, and that TCP port 7402 is open to them; `understudy cluster check` says when it ends.",
)
GUARD_NOTICE = LogEvent(
    "notice",
    "warning",
    "What the guard has to tell operators; `crsctl check crs` shows it too, and the history has it as `guard-says`.",
    "What `why` says.",
)
LEAVE_ASKED = LogEvent("leave-asked", "info", "This server was asked to leave: the daemon stops everything in order, within `within_s`.")
STAY_OUT_NOT_WRITTEN = LogEvent(
    "stay-out-not-written",
    "warning",
    "That this server is to stay out of the cluster could not be written: it rejoins as soon as it has left.",
    "Make room in the folder that `why` names, and ask it to leave again.",
)
EVERYTHING_STOPPED = LogEvent("everything-stopped", "info", "Everything of the cluster on this server was stopped and seen gone, and why.")
NOT_EVERYTHING_STOPPED = LogEvent(
    "not-everything-stopped",
    "warning",
    "The guard stops everything, and something is left; its keeper goes on.",
    "See the lines `not-stopped`.",
)
NOT_STOPPED = LogEvent(
    "not-stopped",
    "warning",
    "Something that could not be stopped, or not be seen to be gone. It is tried until it succeeds; no new incarnation begins before that.",
    "End what `why` names. If it hangs in the kernel, its storage has to come back, or the machine has to be restarted.",
)
GUARD_ENDED = LogEvent(
    "guard-ended", "warning", "The guard ended by itself (`why`); a successor goes on with its lease.", "If it comes again, report it."
)
GUARD_KILLED = LogEvent("guard-killed", "warning", "The keeper kills the guard, and why.", "See what kept it from the processor.")
KEEPER_STRUCK = LogEvent(
    "keeper-sent-kill",
    "warning",
    "The lease ended and the guard was late: its keeper has sent the kill.",
    "See what kept the guard from the processor: a pause of the machine, a loop at real-time priority.",
)
LEASE_ENDED = LogEvent(
    "lease-ended",
    "warning",
    "The lease ended, and everything here is stopped; the server joins anew.",
    "See why no message of the voters arrived.",
)
GUARD_OUTLIVES = LogEvent(
    "guard-outlives",
    "warning",
    "A guard does not die of SIGKILL: this server stays out of the cluster until it does.",
    "It hangs in the kernel: its storage has to come back, or the machine has to be restarted.",
)
STAYS_OUT = LogEvent("stays-out", "info", "An operator took this server out of the cluster.", "`understudy server join` brings it back.")
REBOOTING = LogEvent(
    "rebooting", "warning", "This machine is restarted at once: `[guard] reboot_on_lapse` asks for it, and something could not be ended."
)
CANNOT_LISTEN = LogEvent(
    "cannot-listen",
    "warning",
    "What the guard is to listen on could not be had; everything here is stopped, and `understudy-guard` ends.",
    "Mend the address that `why` names.",
)
SETTINGS_UNREADABLE = LogEvent(
    "settings-unreadable",
    "warning",
    "`--kill-all` could not read the settings, and uses the default places.",
    "If run_dir or cgroup are set there, mend the settings and run it again.",
)

# --- the executor ---------------------------------------------------------------------------------------------------

LISTENING = LogEvent("listening", "info", "It can be asked now, at the place that is named.")
ACTION_BEGUN = LogEvent(
    "action-begun",
    "info",
    "An action (start, stop, clean, abort; kill: all that is left of it is ended by force) was begun. `activity` is that of the"
    " lines of the history about it.",
)
ACTION_ENDED = LogEvent(
    "action-ended",
    "info",
    "An action has ended: what was observed, the script's exit status, how long it took. Of checks only those are logged whose answer is"
    " another than the one before, the first after another action, and of those without an answer the 1st, 2nd, 4th, 8th, ...",
    "If it failed, read `output`.",
)
ACTION_ENDED_BADLY = LogEvent(
    "action-ended-badly", "warning", "The same of an action that failed, or gave no answer (`unanswered` says why).", "Read `output`."
)
CONNECTION_LOST = LogEvent("connection-lost", "info", "The daemon's connection broke off; it comes back, or its successor does.")
NOT_SEEN_EMPTY = LogEvent(
    "not-seen-empty",
    "warning",
    "Whether anything of a resource runs here could not be seen.",
    "Raise the limit that `why` names, if it is one.",
)
NOT_SEEN_RUNNING = LogEvent(
    "not-seen-running", "warning", "Which resources live here could not be seen.", "Raise the limit that `why` names, if it is one."
)
LEASE_NOT_READ = LogEvent(
    "lease-not-read",
    "warning",
    "The file with the lease could not be read; nothing that needs one is begun.",
    "See that `understudy-guard` runs.",
)
OUTPUT_WITHOUT_BOUND = LogEvent(
    "output-without-bound",
    "warning",
    "What scripts print has no bound in this folder, because no file system of its own could be put there.",
    "Mind the space of the folder that is named; see `why`.",
)
PRIORITY_KEPT = LogEvent(
    "priority-kept",
    "warning",
    "The executor may not choose its own priority: services run with the one that it was started with.",
    "Run it as root.",
)

# --- the daemon -----------------------------------------------------------------------------------------------------

LEASE_HELD = LogEvent("lease-held", "info", "This server has won its lease: from now on it may run what is assigned to it.")
LEASE_LOST = LogEvent(
    "lease-lost",
    "warning",
    "This server's lease is over. Its guard stops everything here.",
    "See why: the guard's log, and `crsctl check cluster`.",
)
SUPERSEDED = LogEvent("superseded", "info", "This server has a new incarnation; this daemon ends, and its successor joins.")
UNREADABLE = LogEvent(
    "registry-unreadable",
    "error",
    "The registry holds what this version cannot read, so the daemon ends.",
    "Do what `why` says: upgrade this server.",
)
TERM_LOST = LogEvent("term-lost", "info", "This server led, and another does now, or nobody.")
DECIDED = LogEvent(
    "decided",
    "info",
    "The leader has written a decision: what it assigned to whom, at which term, from which revision of the registry. `activity` is that of"
    " the lines of the history about it.",
)
EXECUTOR_AWAY = LogEvent(
    "executor-away",
    "warning",
    "`understudy-exec` does not answer, or can begin nothing, and why. Nothing is started, stopped or checked here until it does.",
    "See the executor's log and state. After ten seconds this server loses what another could run.",
)
EXECUTOR_BACK = LogEvent("executor-back", "info", "It answers, and can begin actions, again.")
HELD_NOT_KEPT = LogEvent(
    "held-not-kept",
    "warning",
    "What this server holds cannot be kept on its disk: its next daemon restarts nothing without the registry.",
    "Make room in `state_dir`.",
)
HELD_KEPT = LogEvent("held-kept", "info", "What this server holds is kept on its disk again.")
PAST_NOT_KEPT = LogEvent(
    "past-not-kept",
    "warning",
    "What the registry was, and what was decided, cannot be kept on this server's disk: `--at` and `understudy replay` know nothing of it.",
    "Make room in `state_dir`. Nothing else suffers.",
)
PAST_KEPT = LogEvent("past-kept", "info", "It is kept again, from what is so now.")
HELD_UNREADABLE = LogEvent(
    "held-unreadable", "warning", "What an earlier daemon kept on disk cannot be read; without the registry nothing is restarted by it."
)
TASK = LogEvent("task", "info", "After SIGUSR1: where a task of the daemon stands; one line for each.")
REQUEST_REFUSED = LogEvent(
    "request-refused",
    "warning",
    "A process on this server (`user` is its user's number) sent a request that is none, or more than it may. Five a minute for each user;"
    " `not_logged` counts the others.",
    "If it is no mistake of yours, see what that user runs.",
)
ADDRESS_NOT_ASKED = LogEvent(
    "address-not-asked",
    "warning",
    "Whether anybody has an address already could not be asked on its network. The start asks again, on the server where it matters.",
    "See the link that `why` names.",
)

JOIN_LISTENING = LogEvent("join-listening", "info", "Other servers may join here, each with a token of `understudy cluster token`.")
JOIN_NOT_LISTENING = LogEvent(
    "join-not-listening",
    "warning",
    "Other servers cannot join here, and why. It is tried again.",
    "Mend what `why` names: an address that is not here, a port that something else has, a key file.",
)
JOIN_ACCEPTED = LogEvent("join-accepted", "info", "A server (`joined`) used its token and was given a certificate, settings and keys.")
JOIN_REFUSED = LogEvent(
    "join-refused",
    "warning",
    "Somebody wanted to join, and was refused; `why` is what he was answered. Five a minute for each address, sixty in all; `not_logged`"
    " counts the others.",
    "If it is no mistake of yours, see who is at that address.",
)
COMMANDS_LISTENING = LogEvent(
    "commands-listening", "info", "Commands from other servers and from administrators with a certificate are answered here."
)
COMMANDS_NOT_LISTENING = LogEvent(
    "commands-not-listening",
    "warning",
    "Commands from elsewhere are not answered here, and why. It is tried again. Those of this server are not concerned.",
    "Mend what `why` names: an address that is not here, a port that something else has ([server] api_port), a key file.",
)
COMMAND_NOT_TRUSTED = LogEvent(
    "command-not-trusted",
    "warning",
    "Somebody connected to give a command and showed no certificate that counts here; nothing was read. Five a minute for each address,"
    " sixty in all; `not_logged` counts the others.",
    "If it is no mistake of yours, see who is at that address.",
)
SETTINGS_FOLLOWED = LogEvent(
    "settings-followed", "info", "understudy.toml of this server was written again: the registry names other servers or voters (`voters`)."
)
SETTINGS_NOT_FOLLOWED = LogEvent(
    "settings-not-followed",
    "warning",
    "understudy.toml of this server could not be written again after servers or voters had changed, and why. The registry's word counts.",
    "Mend the disk; it is tried again.",
)
MEMBER_CHANGED = LogEvent(
    "member-changed", "info", "This server's member of etcd was configured, or taken away, as commands have it; `what` says which."
)
MEMBER_NOT_CHANGED = LogEvent(
    "member-not-changed",
    "warning",
    "This server's member of etcd cannot be configured or taken away, and why. It is tried again.",
    "Mend what `why` names: a disk, a voter that does not answer on its port for joining.",
)

# --- the registry ---------------------------------------------------------------------------------------------------

CLIENT_REFUSED = LogEvent(
    "client-refused",
    "warning",
    "A connection was sent away, and why. Each reason once a minute for each address; `not_logged` counts the others.",
    "See who connects from there, and with which key.",
)
STORE_FAILED = LogEvent(
    "store-failed",
    "error",
    "The store cannot be written. Where only room is missing, commits are refused until there is some; after any other failure the registry"
    " ends and opens the store anew.",
    "Make room, or see to the disk.",
)
STORE_WELL = LogEvent("store-well-again", "info", "Commits are taken again.")

EVENTS: tuple[LogEvent, ...] = tuple(value for value in list(globals().values()) if isinstance(value, LogEvent))
"""All but those of the history, in the order of this page."""

_BAD = frozenset({
    events.ACTION_FAILED,
    events.START_FAILED, events.STOP_FAILED, events.CLEAN_FAILED, events.KILLED, events.CHECK_SILENT, events.INTERMEDIATE, events.NOT_BEGUN,
    events.UNGUARDED, events.FAILED, events.RESTARTS_USED, events.FAILURES_EXHAUSTED, events.UNRECOVERABLE, events.NO_CANDIDATE,
    events.LEFT_BEHIND, events.LOST,
    events.FENCED, events.EVICTED, events.CANNOT_ACT, events.GUARD_SAYS, events.UNENDED, events.LOOK_SILENT, events.TAKES_NO_PART,
    events.LAPSED, events.NO_LEASE, events.REGISTRY_AWAY, events.TOO_LARGE, events.EVENTS_LOST, events.REGISTRY_SET_BACK,
    events.UNREGISTERED, events.EPOCH_BEHIND,
})  # fmt: skip
OF_HISTORY: dict[str, LogEvent] = {
    kind: LogEvent(kind, "warning" if kind in _BAD else "info", "As in the history.", "") for kind in sorted(events.KINDS)
}
"""By kind: what is written to the history is logged as well, at once, also while the registry is away."""
