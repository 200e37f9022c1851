"""Causes and actions of the numbers that are Oracle's. Data only."""

_PROGRESS = "This is progress, not a fault."
_NOTHING = "None."
_WHY = "Look at the lines before it, and at: understudy explain NAME"

ORACLES: dict[int, tuple[str, str]] = {
    254: ("The user who asks does not have the right that the operation needs.", "Ask for the right: crsctl setperm, or run it as root."),
    267: (
        "Stop, clean and the killing of all processes did not end the resource; its state is UNKNOWN, and it is started nowhere.",
        "See on that server what is left of it, end that, then: crsctl stop resource NAME",
    ),
    1601: ("A server has joined the cluster.", _NOTHING),
    1632: (
        "A server does not answer the others any more, and is taken out. What it ran starts elsewhere once it is proved that it cannot run "
        "anything.",
        "See why: its power, its network, the log of understudy-guard there. It joins again by itself.",
    ),
    2500: ("Nothing of the resource runs.", "None, if it was to be down. TARGET is OFFLINE now."),
    2501: ("The resource has ENABLED=0.", 'crsctl modify resource NAME -attr "ENABLED=1", then start it.'),
    2502: (
        "What this resource needs was asked for by the same command, and cannot be started.",
        "Mend what the line before says of the other resource, and start both again.",
    ),
    2509: ("A dependency names a resource type that is not registered.", "Register the type first, correct the name, or use -f."),
    2510: ("A dependency names a resource that is not registered.", "Register that resource first, correct the name, or use -f."),
    2515: (
        "By its dependencies the resource would have to wait for itself.",
        "Take one dependency out of the cycle: crsctl stat resource NAME -dependency shows each.",
    ),
    2529: (
        "What is asked for cannot be done without stopping or moving something else that runs.",
        "See with `crsctl stat resource NAME -dependency` what hangs together. With -f the other resource is stopped or moved along.",
    ),
    2539: ("A resource of that name is there already.", "Choose another name, or change the one that is there: crsctl modify resource"),
    2546: (
        "The server is known, and takes no part in the cluster now.",
        "Start its clusterware, or name another server: crsctl stat server",
    ),
    2549: (
        "PLACEMENT, SERVER_POOLS, HOSTING_MEMBERS, a dependency or the state of the server does not allow the resource there; the line "
        "below says which.",
        "Name another server with -n, or change what the line below names. `understudy explain NAME` says it of every server.",
    ),
    2559: ("Resources of the type are registered.", "Delete them first, or leave the type."),
    2562: ("Only what runs can be moved.", "Start it where it is wanted: crsctl start resource NAME -n SERVER"),
    2566: (
        "The user has no right x on a resource that a dependency names: it might be started, moved or kept from starting by this one.",
        "Let the owner or root give it: crsctl setperm resource NAME -u user:USER:r-x",
    ),
    2571: ("A kind of dependency may stand once; only pullup may repeat.", "Put all names of one kind into one pair of parentheses."),
    2588: (
        "By its dependency on a type the resource would have to wait for itself.",
        "Name resources instead of the type, or take the dependency out.",
    ),
    2603: (
        "Only top-level pools exchange servers; what a pool below another has follows from its parents and SERVER_NAMES.",
        "Name a pool without PARENT_POOLS, or Free; crsctl stat serverpool -f shows them.",
    ),
    2613: (
        "No resource of that name is registered, or the user who asks may not see it.",
        "crsctl stat resource lists those that there are; names are case-sensitive.",
    ),
    2632: (
        "Every server is refused by a rule, or the start has failed there; the lines below say which of it holds for each.",
        "Change what a line below names after its arrow, or mend why the start fails, and start it again.",
    ),
    2660: ("Something that the resource needs has ENABLED=0 and does not run.", 'crsctl modify resource NAME -attr "ENABLED=1"'),
    2672: (_PROGRESS, _NOTHING),
    2673: (_PROGRESS, _NOTHING),
    2674: (
        "The action script answered something else than 0, did not end in time, or its check then said that nothing runs.",
        "Read the lines of CRS-5017 above: they are the script's own. The next server is tried, if there is one.",
    ),
    2675: (
        "The action script answered something else than 0, did not end in time, or its check then said that it still runs. It is "
        "cleaned next.",
        "Read the lines of CRS-5017 above; a longer STOP_TIMEOUT may help.",
    ),
    2676: (_PROGRESS, _NOTHING),
    2677: (_PROGRESS, _NOTHING),
    2678: (
        "Nothing has ended it on that server: neither stop, nor clean, nor the killing of its processes. It is not started "
        "elsewhere, for it "
        "may still run.",
        "See on that server what is left of it, end that, then: crsctl stop resource NAME",
    ),
    2679: ("Something of the resource may be left from before; it is cleaned away before anything else.", _NOTHING),
    2680: (
        "The script's clean answered something else than 0, or did not end in time. What is left is killed next.",
        "Read the lines of CRS-5017 above; clean has to succeed where nothing runs, too.",
    ),
    2681: (_PROGRESS, _NOTHING),
    2682: (
        "With -i a command waits for nobody, and somebody is at work there.",
        "Wait until that command has ended, or repeat yours without -i.",
    ),
    2725: (
        "The access list of the resource does not give the user what the command needs; the line below says what that is.",
        "Let the owner or root give it: crsctl setperm resource NAME -u user:USER:r-x",
    ),
    2728: ("A type of that name is there already.", "Choose another name, or change it: crsctl modify type"),
    2729: ("The attribute belongs to every resource and is kept by the cluster itself.", "Choose another name, such as USR_NAME."),
    2730: (
        "Another resource names it in its dependencies.",
        "Delete both together, take the dependency out first, or use -f: then the other keeps a dependency on something that is not there.",
    ),
    2765: (
        "A resource that was running does not run any more, or its checks do not answer. It is restarted, or starts elsewhere.",
        "Look at the log of what runs there, and at: understudy history NAME",
    ),
    2769: (
        "It cannot be restarted where it was, and no other server may run it now.",
        "understudy explain NAME says why, server by server.",
    ),
    2771: ("It has failed RESTART_ATTEMPTS times on this server, and leaves it.", "Look why it fails: understudy history NAME"),
    2790: (
        "This is progress, not a fault.",
        "None.",
    ),
    2791: ("A server was asked to leave: it stops everything in order.", _NOTHING),
    2792: (
        "This is progress, not a fault.",
        "None.",
    ),
    2793: ("A server has stopped everything in order and has left.", "It joins again with `crsctl start crs` there, or when it boots."),
    2881: (
        "In a tree of hard start dependencies two resources exclude others: which of them gives way to whom could not be said.",
        "Take one of the exclusions out, or make the dependency between the two weak.",
    ),
    2904: (
        "A local resource has an instance on every server, so that it cannot be moved.",
        "Stop it, or change on which servers it runs.",
    ),
    2922: (
        "The type of the resource has no such attribute.",
        "crsctl stat type TYPE -p lists those that it has; a type of your own may add one: crsctl add type",
    ),
    2929: ("A dependency names the same thing twice.", "Name it once, with all its modifiers."),
    4000: ("Not all of what was asked for came about; the lines before say what did not.", "Do what the lines before say."),
    4123: ("This server takes part in the cluster again.", _NOTHING),
    4133: ("The servers that were asked have left.", "crsctl start crs on each brings it back; so does a boot."),
    4529: ("The server holds its lease.", _NOTHING),
    4530: ("The server does not hold its lease: it may run nothing.", "The lines below say why; look at understudy-guard there."),
    4533: ("The server receives the events of the cluster.", _NOTHING),
    4534: ("The server does not receive the events of the cluster.", "The lines below say why; look whether it reaches the registry."),
    4535: ("The server cannot act for the cluster now.", "The lines below say why; look at understudyd and understudy-exec there."),
    4537: ("The server can act for the cluster.", _NOTHING),
    4621: (
        "No boot of this server begins Understudy.",
        "If it is to: crsctl enable crs",
    ),
    4622: (
        "Each boot of this server begins Understudy.",
        "If it is not to: crsctl disable crs",
    ),
    4638: ("The daemon of this server answers.", _NOTHING),
    4639: (
        "Nobody answers on the daemon's socket of this server (or on the port of the server that --server names).",
        "systemctl status understudyd understudy-guard, and their logs. What runs goes on as long as the guard holds the lease.",
    ),
    4678: (
        "What was asked for is printed; it follows from pause_tolerance.",
        "None.",
    ),
    4966: (
        "With 0 no resource is started on this server that is not there already.",
        "crsctl set resource use 1, if resources are to start there.",
    ),
    5017: ("An action of a resource failed; the indented lines below are what its script printed last.", "Mend what they say."),
    5127: (
        "With PLACEMENT=balanced any server is as good as another, so that none can be preferred.",
        "Write PLACEMENT=favored or restricted, or leave HOSTING_MEMBERS out.",
    ),
    5129: (
        "PLACEMENT is none of balanced, favored and restricted; or it is one of the last two, and nothing says where.",
        "Correct the word, or give SERVER_POOLS or HOSTING_MEMBERS as well.",
    ),
    5702: ("It runs already, so that nothing was started.", f"None; to move it: crsctl relocate resource. {_WHY}"),
    6029: (
        "RELOCATE_BY_DEPENDENCY=0 keeps a resource where it is when what it is tied to by dependencies is to move.",
        "Name it in the command as well, or give it RELOCATE_BY_DEPENDENCY=1.",
    ),
    6724: (
        "What was asked for is printed.",
        "None.",
    ),
}
