"""Times as people write them, and as they are shown: in the time zone of this server. Called by the verbs that take a time."""

import re
from datetime import UTC, datetime, timedelta

from understudy.errors import BadInput
from understudy.model.messages import words

_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|h|d)(?:\s+ago)?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?")
FORMS = "write 2026-11-28 14:05:30, 14:05 (the last one), or 10m for ten minutes ago (s, m, h, d)"


def wall_of(text: str, now: float) -> float:
    """Seconds since the epoch; `now` likewise. Without a zone it is this server's. BadInput."""
    text = text.strip()
    if found := _AGO.fullmatch(text):
        return now - float(found[1]) * _SECONDS[found[2]]
    try:
        if found := _CLOCK.fullmatch(text):
            today = datetime.fromtimestamp(now, tz=UTC).astimezone()
            seconds = float(found[3] or 0)
            at = today.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0) + timedelta(seconds=seconds)
            return at.timestamp() if at.timestamp() <= now else (at - timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise BadInput(words(20730, text[:60], FORMS), code=20730) from None


def shown_wall(wall: float) -> str:
    """`2026-11-28 14:05:30.123`, in this server's time zone."""
    return datetime.fromtimestamp(wall, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
