"""Causes and actions of what is said of custom actions, of progress, and of attributes that take their default alone. Data only."""

ACTIONS: dict[int, tuple[str, str]] = {
    2768: (
        "A resource has failed as often as FAILURE_THRESHOLD says within FAILURE_INTERVAL, on whatever servers (alert log).",
        "Find out why it fails (understudy history NAME), mend it, then crsctl start resource NAME: failures are counted anew.",
    ),
    20540: (
        "The attribute has no effect here, or always the same one.",
        "Leave it out, or give its default; the message says what to use instead.",
    ),
    20541: (
        "The action is not among the ACTIONS of the resource.",
        'Name it there if its script knows it: crsctl modify resource NAME -attr "ACTIONS=backup".',
    ),
    20542: (
        "The ACTIONS of the resource name users or groups for this action, and this user is none of them.",
        "Ask one of those who are.",
    ),
    20543: (
        "A custom action is run by the server that runs the resource, and none does, or not for long.",
        "Start the resource first: crsctl start resource NAME.",
    ),
    20544: ("The script has ended with status 0.", "None; what it printed stands above."),
    20545: (
        "The script has ended otherwise, was out of ACTION_TIMEOUT, was ended for a stop or start of the resource, or nobody has answered.",
        "Look at what it printed, and at understudy history NAME.",
    ),
    20546: ("An action that runs says how far it is (CRS_PROGRESS).", "None."),
    20547: (
        "Variables decide what a script does, and this one runs as another user.",
        "Leave -env out, or have root or the owner of the resource ask for it.",
    ),
}
