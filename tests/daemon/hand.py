"""Who exports a cluster, writes files, and plans and applies them, as an administrator would; and a file to begin with."""

import tomllib
from pathlib import Path
from typing import Any

import fastjsonschema

from daemon.cluster import Cluster, PrintedLines
from daemon.test_rehearse import stored
from understudy.intent.clusterfile.schema import schema

DB = """
[serverpool.sp]
PARENT_POOLS = "Generic"
SERVER_NAMES = "ctr1 ctr2"
[resource.vip]
TYPE = "cluster_resource"
ACTION_SCRIPT = "/vip"
PLACEMENT = "restricted"
SERVER_POOLS = "sp"
[resource.db]
TYPE = "cluster_resource"
ACTION_SCRIPT = "/db"
CHECK_INTERVAL = 30
PLACEMENT = "restricted"
SERVER_POOLS = "sp"
START_DEPENDENCIES = "hard(vip)"
STOP_DEPENDENCIES = "hard(vip)"
"""
VALIDATE = fastjsonschema.compile(schema())


class Hand:
    """Who writes files, and gives commands about them."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.path = cluster, folder / "cluster.toml"

    async def export(self, **how: Any) -> str:
        """The text; its tables are such as the schema says."""
        lines = await self.cluster.run("understudy export", **how)
        assert lines.status == 0
        VALIDATE(tomllib.loads(lines.text))
        return lines.text + "\n"

    async def plan(self, text: str, options: str = "", **how: Any) -> PrintedLines:
        """What would be changed; nothing is."""
        before = stored(self.cluster)
        lines = await self._about("plan", text, options, **how)
        assert stored(self.cluster) == before
        return lines

    async def apply(self, text: str, options: str = "", **how: Any) -> PrintedLines:
        """Make it so."""
        return await self._about("apply", text, options, **how)

    async def _about(self, command: str, text: str, options: str, **how: Any) -> PrintedLines:
        self.path.write_text(text)
        lines = await self.cluster.run(f"understudy {command} {self.path} {options}", **how)
        lines.printed = [part.replace(str(self.path), "cluster.toml") for part in lines.printed]
        return lines
