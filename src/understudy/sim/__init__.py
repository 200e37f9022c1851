"""Whole clusters in one process, on virtual time, from one seed: the product's own loops and deciders in a false world.

The world                                                      What happens in it
  loop.py      virtual time, and places: what a process is       options.py     what a seed draws
  chance.py    luck, by the instant                              script.py      faults, drawn before anything happens
  clocks.py    each machine's clocks                             resources.py   what is registered
  network.py   packets between guards, on two networks           faults.py      carries the faults out
  link.py      one server's way to the registry, and its disk    life.py        one world from its boot to its end
  ensemble.py  its members, where it has some                    backups.py     backups and restores, as operators make them;
                                                                                rotating.py: the guards' key;
                                                                                instances.py: stops on one server
  machine.py   power, boot, freeze, daemon                       quiet.py       passes over time in which nothing happens
  guard.py     keeper and guard; the daemon's end: guardport.py
  ending.py    the end of everything, in the real order; leaving.py: a planned leave
  executor.py  the executor, and what truly runs                 What is made of it
  formats.py   the next version of the registry's values         search.py      many seeds on all cores
  world.py     the verbs, and the run                            shrink.py      a failing seed made small
                                                                 double.py      a world in the likeness of a real cluster
The judges                                                       drill.py       each server of it is lost, and timed
  truth.py       what truly is, and the registry's history
  invariants.py  what must hold, one function each
  trace.py       the timeline of a run

docs/design/0003-simulator.md says why. Called by: tests and `understudy simulate`. Must never: use another source of chance than
`chance.py`, or of time than its loop.
"""
