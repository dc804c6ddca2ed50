"""How far a run is in the sheet, whatever the order in which its rows end."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.send.engine import Front


@given(st.data())
def test_every_row_up_to_there_has_ended_and_the_next_one_has_not(data: st.DataObject) -> None:
    positions = sorted(data.draw(st.sets(st.integers(0, 200), min_size=1, max_size=40)))
    told: list[int] = []
    front = Front(told.append)
    waiting, under_way, ended = list(positions), [], set[int]()
    while waiting or under_way:
        if waiting and (not under_way or data.draw(st.booleans())):
            under_way.append(waiting.pop(0))
            front.taken(under_way[-1])
            continue
        position = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        ended.add(position)
        front.ended(position)
        taken = [one for one in positions if one not in waiting]
        assert {one for one in taken if one <= told[-1]} <= ended
        assert told[-1] == (min(under_way) - 1 if under_way else taken[-1])
    assert told == sorted(told)
    assert told[-1] == positions[-1]
