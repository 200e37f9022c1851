"""`crsctl request action`: has a custom action of resources run where they run, and shows what it printed."""

import asyncio

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import as_it_is
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent.asking import AskCommand, Asking, answered, ask, environment_of, overtaken
from understudy.intent.permitted import check_may_run
from understudy.model.names import ResourceName, ServerName
from understudy.model.shown import indented

SLACK_S = 15.0
"""Beyond ACTION_TIMEOUT: two commits, and the kill of what overran."""


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Request", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    action, resources = arguments.one_name("action"), arguments.body.get("resources")
    if bool(resources) is (arguments.text("filter") is not None):
        raise bad('name resources with -r, or give -w "filter"')
    view = await world.mirror.refresh()
    of_resources = Arguments({key: value for key, value in arguments.body.items() if key != "environment"} | {"names": resources or []})
    names, all_known = chosen(world, view, of_resources)
    command = AskCommand(action=action, names=names, environment=environment_of(arguments.text("environment") or ""))
    check_may_run(view, names, world.caller.who)
    return await request(world, command) and all_known if names else all_known


async def request(world: CommandContext, command: AskCommand) -> bool:
    """Ask, and wait for each server's answer; whether all of them did it. BadInput: refused, nothing is run."""
    operator = world.operator()
    done = await commit(world, lambda view: ask(as_it_is(world, view), command, operator, world.caller.who))
    asking, well = done.decided, True
    for name, servers in asking.places.items():
        for server in servers:
            well = await _answer(world, command.action, asking, name, server) and well
    return well


async def _answer(world: CommandContext, action: str, asking: Asking, name: ResourceName, server: ServerName) -> bool:
    loop, view = asyncio.get_running_loop(), world.mirror.view
    until = loop.time() + view.resources[name].action_timeout_s + SLACK_S if name in view.resources else loop.time()
    while (answer := answered(view, name, server, asking.id)) is None and loop.time() < until and not overtaken(view, name, asking.id):
        view = await world.mirror.wait(view.revision, max(0.0, until - loop.time()))
    if answer is None:
        why = "somebody has started or stopped it since, or asked for something else" if overtaken(view, name, asking.id) else "no answer"
        world.say(20545, action, name, server, f"{why}; what has begun goes on: see understudy history {name}")
        return False
    if not answer.done:
        world.say(5017, name, action)
    for text in indented(answer.text) if answer.text else ():
        world.output.out(text)
    world.say(20544 if answer.done else 20545, action, name, server, *(() if answer.done else ("what it said stands above",)))
    return answer.done
