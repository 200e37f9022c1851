"""What operators want: a request and a View in; what is to be written, or why not, out.

Owns the decision of every verb. Called by `daemon/verbs/` (which read arguments, commit, wait and print), by the simulator's operators, and
by whatever asks what a command would do. Pure: it never waits, and never writes.

    operator.py     who asks, and what identifies their command
    edit.py         what is to be written, and what that rests on
    refusal.py      why something is not done: the number of a message, and what it names
    facts.py        the View as operators read it
    verdicts.py     whether what was asked for has come about
    start.py ...    one module a verb
"""
