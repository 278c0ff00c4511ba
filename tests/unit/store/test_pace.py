"""The size of an import's chunks follows the time that they take."""

import time

from store.pace import FIRST_ROWS, LEAST_ROWS, MOST_ROWS, Pace


def sizes(*held_s: float) -> list[int]:
    pace = Pace()
    seen = [pace.rows]
    for each_s in held_s:
        pace.chunk_done(pace.rows, each_s)
        seen.append(pace.rows)
    return seen


def test_quick_chunks_grow_by_twice_up_to_the_largest() -> None:
    seen = sizes(*[0.0001] * 8)
    assert seen[:3] == [FIRST_ROWS, 2 * FIRST_ROWS, 4 * FIRST_ROWS]
    assert seen[-2:] == [MOST_ROWS, MOST_ROWS]


def test_slow_chunk_is_followed_by_one_that_fits_at_once() -> None:
    assert sizes(0.060) == [FIRST_ROWS, FIRST_ROWS // 10]
    assert sizes(10.0)[-1] == LEAST_ROWS


def test_chunk_that_took_no_time_at_all_grows_like_others() -> None:
    assert sizes(0.0) == [FIRST_ROWS, 2 * FIRST_ROWS]


def test_short_chunk_tells_what_its_rows_cost() -> None:
    pace = Pace()
    pace.chunk_done(10, 0.0001)
    assert pace.rows == LEAST_ROWS


async def test_turn_comes_after_the_pause() -> None:
    pace = Pace()
    pace.chunk_done(FIRST_ROWS, 0.001)
    began_s = time.monotonic()
    await pace.wait_for_turn()
    assert time.monotonic() - began_s >= 0.001
