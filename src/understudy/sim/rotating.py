"""Operators of a false cluster exchange the guards' key: the product's own steps (`intent/keyring.py`), each when it may come.

Called by `sim/faults.py` and by stories. The command waits between the steps; here its caller lets time pass.
"""

from dataclasses import replace

from understudy.intent.edit import Edit
from understudy.intent.keyring import begun, cannot_begin, next_step, seals, waits_for
from understudy.linux.keys import KEY_BYTES, key_id
from understudy.model.state import ALIVE
from understudy.model.view import KeyStep, View
from understudy.sim.chance import dice
from understudy.sim.instances import Later
from understudy.sim.machine import sealed_for_each
from understudy.sim.world import World


def begin(world: World) -> bool:
    """A new key is sent to every server; False: not everybody who is there has said for which key to seal it, or one is being exchanged.
    The command names those that are away and never said it; operators wait for them here, for else they would have to join anew."""
    view = world.view()
    if view.cluster is None or cannot_begin(view) or not over(view):
        return False
    new = dice(world.seed, f"key {world.loop.now}").randbytes(KEY_BYTES)
    sealed = sealed_for_each(new, seals(view))
    if sealed.keys() != world.machines.keys():
        return False
    world.command("begins to exchange the guards' key", lambda view, operator: begun(view, key_id(new), sealed, operator.by))
    return True


def go_on(world: World) -> bool:
    """Whether the next step could come."""
    view = world.view()
    edit = None if view.cluster is None else next_step(view)
    if edit is None or edit.cluster is None or edit.cluster.rotation is None:
        return False
    step = edit.cluster.rotation.step
    world.command(f"goes on exchanging the guards' key: {step}", lambda view, operator: _same_step(view, step))
    return True


def finish(world: World, later: Later) -> None:
    """Step after step, until it is over. `later`: after so many leases."""
    if not world.hub.away and world.view().cluster is not None:
        go_on(world)
        if over(world.view()):
            return
    later(0.5, lambda: finish(world, later))


def resume(world: World, later: Later) -> None:
    """The registry went back: an exchange that it says is under way goes on. Where the registry was lost while a server was away, nobody
    knows any more for what to seal the key for that server, which is joined with a token then."""
    view = world.view()
    if world.hub.away or view.cluster is None or view.recovering:
        later(1.0, lambda: resume(world, later))
        return
    if not over(view):
        finish(world, later)
    if not _all_have_it(world, view):
        later(1.0, lambda: resume(world, later))


def _all_have_it(world: World, view: View) -> bool:
    """Whether no server is without a key that the present ones accept and without a way to it; who is, and has power, is given it."""
    present = [world.machines[server] for server, record in view.present().items() if record.life in ALIVE]
    rotation = None if view.cluster is None else view.cluster.rotation
    known = view.looks.keys() if rotation is None else rotation.sealed.keys()
    without = [
        machine
        for machine in world.machines.values()
        if machine.name not in known and not any(set(machine.keys.keys) & set(other.keys.keys) for other in present if other is not machine)
    ]
    for machine in without:
        if present and machine.up and machine not in present:
            machine.says("is given the guards' key of now, with a token")
            machine.keys.keys = present[0].keys.keys
            machine.kill_daemon()
    return not without


def over(view: View) -> bool:
    """Whether no key is being exchanged."""
    rotation = None if view.cluster is None else view.cluster.rotation
    return rotation is None or (rotation.step is KeyStep.FORGET and not waits_for(view, rotation))


def _same_step(view: View, step: KeyStep) -> Edit:
    cluster = view.cluster
    assert cluster is not None and cluster.rotation is not None  # noqa: PT018
    return Edit(cluster=replace(cluster, rotation=replace(cluster.rotation, step=step)))
