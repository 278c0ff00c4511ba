"""Which nodes are silent: signs that do not change, whatever time they name, as long as we can look."""

from ari_app.silence import SilenceWatch
from store.nodes import NodeInfo


def watch() -> SilenceWatch:
    return SilenceWatch("pbx1", lost_after_s=60, longest_gap_s=45)


def node(name: str, seen_at_ms: int | None) -> NodeInfo:
    return NodeInfo(name=name, seen_at_ms=seen_at_ms, open_calls=1, provisional_calls=0)


def looks(watching: SilenceWatch, signs: dict[int, int | None]) -> dict[int, list[str]]:
    """Return which nodes were lost at each look, with the signs of pbx2 at each."""
    return {at_s: [each.name for each in watching.look([node("pbx2", sign)], at_s)] for at_s, sign in signs.items()}


def test_sign_that_stays_the_same_for_a_minute_is_a_lost_node() -> None:
    found = looks(watch(), {0: 7, 15: 7, 30: 7, 45: 7, 59: 7, 60: 7, 75: 7})

    assert [at_s for at_s, lost in found.items() if lost] == [60, 75]


def test_sign_that_changes_is_a_living_node_though_its_clock_is_years_off() -> None:
    found = looks(watch(), {0: 1, 15: 2, 30: 3, 45: 1, 60: 2, 75: 3, 90: 4, 105: 4, 120: 4})

    assert not any(found.values())


def test_node_that_comes_back_is_judged_anew() -> None:
    found = looks(watch(), {0: 1, 30: 1, 60: 1, 75: 2, 90: 2, 120: 2, 135: 2})

    assert [at_s for at_s, lost in found.items() if lost] == [60, 135]


def test_node_with_calls_that_never_gave_a_sign_is_lost_after_a_minute() -> None:
    found = looks(watch(), {0: None, 40: None, 61: None})

    assert found[61] == ["pbx2"]


def test_own_node_is_never_lost() -> None:
    watching = watch()

    assert not any(watching.look([node("pbx1", 1)], at_s) for at_s in range(0, 300, 15))


def test_time_in_which_we_could_not_look_does_not_count() -> None:
    found = looks(watch(), {0: 1, 30: 1, 300: 1, 330: 1, 359: 1, 360: 1})

    assert [at_s for at_s, lost in found.items() if lost] == [360]


def test_time_in_which_we_could_not_show_ourselves_does_not_count() -> None:
    watching = watch()
    looks(watching, {0: 1, 15: 1, 30: 1})
    watching.forget()

    found = looks(watching, {45: 1, 60: 1, 75: 1, 105: 1})

    assert [at_s for at_s, lost in found.items() if lost] == [105]


def test_node_that_was_forgotten_and_comes_again_has_its_whole_time() -> None:
    watching = watch()
    looks(watching, {0: 1, 30: 1})
    watching.look([], 45)

    assert looks(watching, {60: 1, 90: 1}) == {60: [], 90: []}
