"""Values are replaced as ``dataclasses.replace`` does it, at less cost."""

import dataclasses

import pytest

from charging.call import Leg
from charging.values import replace

LEG = Leg(channel_id="1.1", trunk="carrier")


def test_replace_changes_the_named_fields_and_no_others() -> None:
    changed = replace(LEG, number=1, arming=True)
    assert changed == dataclasses.replace(LEG, number=1, arming=True)
    assert type(changed) is Leg
    assert hash(changed) == hash(dataclasses.replace(LEG, number=1, arming=True))


def test_replace_leaves_the_value_as_it_was() -> None:
    replace(LEG, number=1)
    assert LEG.number == 0


def test_replaced_value_is_as_frozen_as_the_first() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(LEG, number=1).number = 2  # type: ignore[misc]  # that it cannot be assigned is what is shown
