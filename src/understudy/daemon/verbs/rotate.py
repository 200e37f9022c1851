"""`understudy cluster rotate-keys`: the guards of all servers get a new key, while everything runs on.

Writes each step when every server that is there has done the one before (`intent/keyring.py`); what a server does with it is
`daemon/keyring.py`'s. Interrupted, the same command goes on with the key that was begun.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent.edit import Edit
from understudy.intent.keyring import begun, cannot_begin, keys_of, next_step, seals, waits_for
from understudy.intent.refusal import Declined
from understudy.intent.servers import the_cluster
from understudy.linux.keys import key_id
from understudy.model.engines import ENGINES
from understudy.model.names import ServerName
from understudy.model.view import KeyStep, View
from understudy.security.sealed import seal_for_each

STEP_S = 60.0
"""How long one step is waited for; it goes on without the command."""
SOON_S = 10.0
"""How long servers that have just joined may take to say which keys they have."""
_IN_WORDS = {
    KeyStep.ACCEPT: "every server accepts the new key beside the old one",
    KeyStep.SEND: "every server sends with the new key",
    KeyStep.FORGET: "every server has forgotten the old key",
}


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        if not ENGINES[world.settings.engine].tls:
            raise Declined(20364, world.settings.engine)
        view = await world.mirror.refresh()
        rotation = the_cluster(view).rotation
        if rotation is not None and (rotation.step is not KeyStep.FORGET or waits_for(view, rotation)):
            begun_by = f"begun by {rotation.by}" if rotation.by else "found when the registry was set back"
            world.output.out(f"going on with key {rotation.key}, {begun_by}")
            status = await _through(world)
            if status or rotation.by:
                return status  # else it may be the one that was to go
        await _begin(world)
        return await _through(world)
    except BadInput as error:
        world.refuse(error)
        return 1


async def _begin(world: CommandContext) -> None:
    view, until = world.mirror.view, world.clock.monotonic() + SOON_S
    while (silent := cannot_begin(view)) and (left := until - world.clock.monotonic()) > 0:
        view = await world.mirror.wait(view.revision, left)
    if silent:
        raise Declined(20365, ", ".join(silent))
    new = bytes.fromhex(world.token() + world.token())
    name = key_id(new)
    sealed = seal_for_each(new, seals(view))
    await write(world, lambda view: begun(view, name, sealed, world.by))
    world.output.out(f"new key {name}: sent to {', '.join(sealed)}, sealed for each")


async def _through(world: CommandContext) -> int:
    """Step by step, to the end."""
    rotation = the_cluster(world.mirror.view).rotation
    assert rotation is not None, "it was begun"
    step: KeyStep | None = KeyStep(rotation.step)
    while step is not None:
        late = await _done(world, rotation.key)
        if late:
            world.say(20366, f"{STEP_S:g}", ", ".join(late))
            return 1
        world.output.out(_IN_WORDS[step])
        step = await _next(world)
    view = world.mirror.view
    world.say(20367, rotation.key)
    away = [server.name for server in world.settings.servers if keys_of(view, ServerName(server.name)) != (rotation.key,)]
    sealed = the_cluster(view).rotation
    reached = [name for name in away if sealed is not None and name in sealed.sealed]
    if reached:
        world.say(20368, ", ".join(reached))
    if others := [name for name in away if name not in reached]:
        world.say(20369, ", ".join(others))
    return 0


async def _next(world: CommandContext) -> KeyStep | None:
    """Write the next step; None: there is none."""

    def decide(view: View) -> Edit:
        return next_step(view) or Edit()

    before = the_cluster(world.mirror.view).rotation
    await write(world, decide)
    after = the_cluster(world.mirror.view).rotation
    assert before is not None and after is not None, "nobody takes it away"  # noqa: PT018
    return None if after.step == before.step and before.step is KeyStep.FORGET else KeyStep(after.step)


async def _done(world: CommandContext, key: str) -> tuple[ServerName, ...]:
    """Who has not done the present step in time."""
    view, until = world.mirror.view, world.clock.monotonic() + STEP_S
    while True:
        rotation = the_cluster(view).rotation
        if rotation is None or rotation.key != key:
            raise Declined(20062)
        late = waits_for(view, rotation)
        left = until - world.clock.monotonic()
        if not late or left <= 0:
            return late
        view = await world.mirror.wait(view.revision, left)
