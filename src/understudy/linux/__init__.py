"""The ground floor: what every process of ours needs of Linux, each thing once; standard library only.

  netlink.py    the wire: attributes, requests, dumps      interfaces.py links and addresses, over netlink
  cgroups.py    control groups of version 2                mounts.py     the table of mounts
  processes.py  start times, pid files, locks              clocks.py     both clocks, and a timer on one of them
  reading.py    what both clocks said (pure)               lease.py      the lease file
  files.py      whole, and in spite of a full disk         keys.py       the key file
  paths.py      default places                             libc.py       the C library
  logline.py    a line of a log, as JSON (pure)            journal.py   how bad a line is, for the journal
  namespaces.py named network namespaces, and their links  hardware.py memory and processors
Imports nothing of ours but `errors`. Called by everything, the guard too: so nothing here may need more than the standard library, and
what the guard calls at a lapse neither opens, waits nor allocates without a bound.
"""
