"""The cluster as a file: what is registered, as people write it, and what makes another cluster of it. Pure.

Whoever reads the TOML of a file, or writes it to a disk, is elsewhere (`cli/clusterfile.py`, `daemon/verbs/clusterfile.py`).

    whole.py       what a file says, and the same of a View: the two are compared
    document.py    its tables, made and read; what is wrong with them, by key
    toml.py        the text of a document
    schema.py      the JSON schema of it, for editors
    changes.py     what differs, value by value
    draft.py       what is to be written for it, or everything that is wrong with it
    trials.py      the checks of single definitions, each with its key
    pieces.py      the same in several commits, where one does not hold it
"""
