"""The network resources that a server's settings ask for: made at the creation of the cluster, and later for each network that was added.

Called by `daemon/node.py`. Never changes one that is registered: operators do that (`crsctl modify resource ora.netN.network`).
"""

from understudy.model.settings import Settings
from understudy.model.state import Target
from understudy.model.types import network_definition
from understudy.model.view import TargetRecord, View
from understudy.registry import keys

AT_ONCE = 16


def missing_networks(settings: Settings, view: View) -> dict[str, object]:
    """Records of `ora.netN.network` for networks of the settings that are not registered: the first of them, so many that one commit holds
    them beside the cluster's own record."""
    made: dict[str, object] = {}
    for setting in settings.networks:
        network = network_definition(setting.number, setting.subnet, setting.interface, f"net{setting.number}")
        if network.name not in view.definitions and len(made) < 2 * AT_ONCE:
            made[keys.resource(network.name)] = network
            made[keys.target(network.name)] = TargetRecord(target=Target.ONLINE, by="understudy.toml")
    return made
