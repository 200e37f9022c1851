"""The network resources that a server's settings ask for: made at the creation of the cluster, and later for each network that was added.

Called by `daemon/node.py`. Never changes one that is registered: operators do that (`crsctl modify resource ora.netN.network`).
"""

from understudy.model.settings import Settings
from understudy.model.state import Target
from understudy.model.types import network_definition
from understudy.model.view import TargetRecord, View
from understudy.registry import keys


def missing_networks(settings: Settings, view: View) -> dict[str, object]:
    """Records of `ora.netN.network` for every network of the settings that is not registered."""
    made: dict[str, object] = {}
    for one in settings.networks:
        network = network_definition(one.number, one.subnet, one.interface, f"net{one.number}")
        if network.name not in view.definitions:
            made[keys.resource(network.name)] = network
            made[keys.target(network.name)] = TargetRecord(target=Target.ONLINE, by="understudy.toml")
    return made
