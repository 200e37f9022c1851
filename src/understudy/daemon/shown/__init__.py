"""What stat, list, check and status commands show, as values: made once, and rendered as text, as `--json` and over HTTP.

    known.py        what a server may say at all: a View, what is not as it should be, who holds a lease
    servers.py ...  one module a thing that is shown

Called by the verbs and by `api.py`; `text/` has the words and tables. Changes nothing and waits for nothing.
"""
