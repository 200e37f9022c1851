"""Incarnations of one server are distinguished by their order, and all must agree on it, however late a registration arrives."""

from collections.abc import Callable

from sim.present import incarnation_of, instead_of, node_of
from sim.trio import cluster
from understudy.model.names import Incarnation, ServerName


def test_a_registration_that_arrives_after_its_successors_is_dropped() -> None:
    """The old incarnation's registration arrived after the new one's: both had the same order, and the leader took the dead one for the
    server's present incarnation. What was assigned to that server never ran again."""
    with cluster(servers=3) as world:
        world.power_off("ctr3")
        world.run(5)
        usual = world.hub.travel
        late: list[Incarnation] = []

        @instead_of(world.hub.travel)
        def slow_at_first(server: str, member: str, arrive: Callable[[], None]) -> None:
            if server == "ctr3" and node_of(world, server).incarnation is not None and not late:
                late.append(incarnation_of(world, server))
                world.loop.post(world.loop.now + 8.0, arrive)
            else:
                usual(server, member, arrive)

        world.boot("ctr3")
        world.until(lambda: late, 10, "its registration is on its way")
        world.power_off("ctr3")
        world.boot("ctr3")
        world.until(lambda: len(world.online()) == 3, 7, "it joins as another incarnation")
        world.run(10)

        orders = [(record.server, record.order) for record in world.view().incarnations.values()]
        assert len(orders) == len(set(orders))
        assert world.view().present()[ServerName("ctr3")].incarnation == world.machines["ctr3"].incarnation()
