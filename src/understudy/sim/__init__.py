"""Whole clusters in one process, on virtual time, from one seed: the product's own loops and deciders in a false world.

  loop.py     virtual time, and places: what a process is here          world.py       the verbs, and the run
  clocks.py   each machine's clocks                                     options.py     what a seed draws
  network.py  packets between guards                                    faults.py      what goes wrong, and what operators do
  link.py     one server's way to the registry                          truth.py       what truly is, and the history of the registry
  guard.py    keeper and guard of a server, and the daemon's end of it  invariants.py  what must hold, one function each
  executor.py the executor process and what truly runs                  trace.py       the timeline of a run
  server.py   a machine: power, boot, freeze, daemon, lapse
  double.py   a world in the likeness of a real cluster                 drill.py       each server of it is lost, and timed

Called by: tests and `understudy simulate`. Must never: use another source of chance than the world's dice, or of time than its loop.
"""
