"""An exchange of the guards' key, as the registry keeps it. Pure values; part of the View (`view.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.model.names import ServerName


class KeyStep(StrEnum):
    """How far an exchange of the guards' key is."""

    ACCEPT = "accept"
    """The new one is accepted beside the old one."""
    SEND = "send"
    """It is sent with; the old one is accepted."""
    FORGET = "forget"
    """The old one is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """An exchange of the guards' key; it stays when it is over, for servers that were away."""

    key: str
    """By what the new one is named (`linux/keys.py`)."""
    step: KeyStep
    sealed: Mapping[ServerName, str] = field(default_factory=dict)
    """The new one, for each server alone (`security/sealed.py`)."""
    by: str = ""
