"""What this server can say of a resource after its first look (S6): whether it was seen to run or not, or that is not known. Pure."""

from understudy.lane.local import Local
from understudy.model.looks import NOTHING_SAID, LookEntry
from understudy.model.resource import Resource


def look_at(resource: Resource | None, local: Local | None, said: LookEntry, epoch: int) -> LookEntry:
    """What the look is to say of one name; nothing, if it is not registered. `said` is what this incarnation has written of it, perhaps by
    a daemon that died: what was seen stays seen. `epoch`: see LookEntry.

    A check that does not answer ends the look as well. Where the kernel says that something of it runs, the report says so instead.
    """
    if resource is None:
        return NOTHING_SAID
    uid = resource.uid
    if said.looked == uid:
        return LookEntry(looked=uid, epoch=epoch)
    if local is None or local.uid != uid:
        return LookEntry(epoch=epoch)
    if local.state is not None or (local.silent and not local.empty):
        return LookEntry(looked=uid, epoch=epoch)
    return LookEntry(untold=uid if local.silent else "", epoch=epoch)
