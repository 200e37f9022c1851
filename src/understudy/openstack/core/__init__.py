"""From a site and a release to what is to be done: values in, values out, and nothing else.

What makes what:

    fields.py      what may stand in site.toml                site.py         site.toml as a value
    sample.py      a commented file, the schema, the table    catalogue.py    a release as a value
    templates.py   facts filled in, secrets hidden            desired.py      site and release -> what is wanted
    wanted.py      wanted things                              states.py       what is at a place of a server
    lines.py       lines and splices                          ini.py          files in sections
    assignments.py files of plain assignments                 editing.py      entries into a file
    compare.py     wanted against found                       plan.py         steps, in order, as differences
    keysets.py     whose keys are the newest; rotation        keyplan.py      keys: from what was found to steps
    guide.py       a release as a page for people
    named.py       places that a request from another server may be about
    endpoints.py   Keystone's catalogue of services as places, and the requests that change it
    moving.py      what comes next when data moves onto its share
    registered.py  the cluster's registry: commands, and those that undo them
"""
