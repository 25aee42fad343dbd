"""Ids: their form, and that none comes twice."""

import time

from appsmith_proxy.model.ids import Ids, is_id, new_id


def test_ids_made_in_blocks_look_like_the_others_and_are_never_the_same() -> None:
    one, other = Ids(), Ids()
    before = int(time.time())
    made = [ids.next(time.time()) for ids in (one, other) for _ in range(1_000)]
    assert all(map(is_id, made))
    assert len({found[8:] for found in made}) == len(made)
    assert all(before <= int(found[:8], 16) <= time.time() for found in made)
    assert is_id(new_id())
