"""From bare servers to a cluster: `understudy cluster init`, `join`, `token`, `check` and `leave`.

What is decided is pure, what touches the server stands apart:

    wanted.py     command line -> settings (pure)           written.py    settings -> understudy.toml, etcd.yaml (pure)
    readings.py   what was found on a server (values)       measure.py    reads it, with ports.py, clock.py, attempts.py
    checks.py     readings -> the table of checks (pure)    table.py      the table as text and as JSON (pure)
    token.py      a token as text (pure)                    tokens.py     the file of tokens that were given out
    wire.py       request and answer of a join (pure)       ask.py        the joining side's connection
    judge.py      what a request is answered                standing.py   who waits for whom (pure)
    others.py     which other servers belong to a cluster   renew.py      a certificate is renewed before it ends
    places.py     where everything is                       files.py      writes files whole, or not at all
    begin.py      what `init` writes                        enter.py      what `join` writes
    state.py      what is configured here already           services.py   starts the services, waits for the server
    userfile.py   an administrator's certificate as a file
    depart.py     what `leave` takes off a server
The listener that answers is `daemon/enrol.py`; the command lines are `cli/understudy/cluster_setup.py`.
"""
