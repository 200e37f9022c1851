"""A join that is stopped between the use of its token and the last file."""

import asyncio
import os

import pytest

from setup import test_join
from setup.test_join import Made, serving
from understudy.errors import BadInput
from understudy.setup.begin import write_all
from understudy.setup.enter import admitted, using_token

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the ports from which servers join")
made = test_join.made


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BadInput("UND-0284: no space", code=20284)])
async def test_who_is_stopped_when_the_token_was_used_is_told_so(made: Made, error: BaseException) -> None:
    """The same command may not go on from there. What was written is in no other token's way."""
    async with serving(made):
        found, places = await asyncio.to_thread(made.terms, "ctr2", made.token()), made.places_of("ctr2")
        files = await asyncio.to_thread(admitted, found, places)
        write_all(files[:4], places, found.settings.state_dir, lambda _: None)
        with pytest.raises(BadInput, match=r"Not finished.* make another on a voter"), using_token(found):
            raise error
        assert (await asyncio.to_thread(made.join, "ctr2", made.token())).server == "ctr2"
