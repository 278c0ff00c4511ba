"""What is read of a leg that never passed the gate: its direction, its number, who is behind it."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ari_app.client import AriClient, AriReply
from ari_app.decode import Channel
from ari_app.errors import AriUnavailableError
from ari_app.ungated_leg import (
    Behind,
    LegGoneError,
    is_outbound,
    read_behind,
    read_dialled,
    read_is_outbound,
    read_variable,
)

TRUNK_LEG, PHONE, LOCAL, INBOUND = "9.1", "9.0", "9.4", "9.5"
TARGET = "+299321212@carrier1"


def leg(state: str = "Ringing", application: str = "AppDial", name: str = "PJSIP/carrier1-00000001") -> Channel:
    return Channel(TRUNK_LEG, name, state, "", application=application)


def document(channel_id: str, name: str, application: str = "", data: str = "", state: str = "Up") -> dict[str, Any]:
    return {
        "id": channel_id,
        "name": name,
        "state": state,
        "dialplan": {"context": "phones", "app_name": application, "app_data": data},
    }


@dataclass
class SomeAsterisk:
    """Channels, and their variables by channel and name."""

    channels: list[dict[str, Any]] = field(default_factory=list)
    variables: dict[tuple[str, str], str] = field(default_factory=dict)
    status: int = 200

    async def list_channels(self) -> AriReply:
        """Return the channels."""
        return AriReply(self.status, self.channels)

    async def get_variable(self, channel_id: str, name: str) -> AriReply:
        """Return a variable of a channel that lives."""
        if self.status != 200:
            return AriReply(self.status)
        if channel_id not in {TRUNK_LEG, *(each["id"] for each in self.channels)}:
            return AriReply(404, {"message": "Provided channel was not found"})
        value = self.variables.get((channel_id, name))
        if value is None:
            return AriReply(404, {"message": "Provided variable was not found"})
        return AriReply(200, {"value": value})

    @property
    def ari(self) -> AriClient:
        """Return itself as the connection to ARI."""
        return cast("AriClient", self)

    async def behind(self) -> Behind:
        """Return who is behind the leg."""
        return await read_behind(leg(), TARGET, self.ari)


def dialled_by(*channels: dict[str, Any], linked: str = PHONE) -> SomeAsterisk:
    """Return an Asterisk whose trunk leg was begun by one of these channels."""
    links = {(each["id"], "CHANNEL(linkedid)"): linked for each in channels}
    return SomeAsterisk(list(channels), {**links, (TRUNK_LEG, "CHANNEL(linkedid)"): linked})


THE_LEG = document(TRUNK_LEG, "PJSIP/carrier1-00000001", "AppDial", "(Outgoing Line)")
PHONE_101 = document(PHONE, "PJSIP/101-00000000", "Dial", f"PJSIP/{TARGET},20")
PHONE_TO_LOCAL = document(PHONE, "PJSIP/101-00000000", "Dial", "Local/299321212@out/n,20")
LOCAL_2 = document(LOCAL, "Local/299321212@out-00000000;2", "Dial", f"PJSIP/{TARGET},20")


@pytest.mark.parametrize(
    ("state", "application", "direction"),
    [
        ("Down", "", True),
        ("Ringing", "AppDial", True),
        ("Up", "AppDial", True),
        ("Up", "AppDial2", True),
        ("Up", "AppQueue", True),
        ("Ring", "", False),
        ("Ring", "Dial", False),
        ("Up", "Dial", None),
        ("Up", "Wait", None),
    ],
)
def test_direction_is_told_by_state_and_application(state: str, application: str, direction: bool | None) -> None:
    assert is_outbound(leg(state, application)) is direction


@pytest.mark.parametrize(("dnid", "direction"), [("", True), ("0145678901", False)])
async def test_direction_that_cannot_be_seen_is_told_by_the_dnid(dnid: str, direction: bool) -> None:
    asterisk = SomeAsterisk(variables={(TRUNK_LEG, "CALLERID(dnid)"): dnid})

    assert await read_is_outbound(leg("Up", "Wait"), asterisk.ari) is direction


async def test_dialled_is_what_dial_left_on_the_leg() -> None:
    asterisk = SomeAsterisk(variables={(TRUNK_LEG, "DIALEDPEERNUMBER"): TARGET})

    assert await read_dialled(leg(), asterisk.ari) == TARGET


async def test_phone_that_dials_is_behind_its_leg() -> None:
    assert await dialled_by(PHONE_101).behind() == Behind(PHONE, "PJSIP/101-00000000")


async def test_phone_is_behind_a_leg_through_a_local_channel() -> None:
    assert await dialled_by(PHONE_TO_LOCAL, LOCAL_2).behind() == Behind(PHONE, "PJSIP/101-00000000")


async def test_who_forwarded_is_behind_a_leg_and_not_who_called() -> None:
    asterisk = dialled_by(PHONE_TO_LOCAL, LOCAL_2)
    asterisk.variables[LOCAL, "FORWARDERNAME"] = "PJSIP/102-00000001"

    assert await asterisk.behind() == Behind(LOCAL, "PJSIP/102-00000001")


async def test_who_transferred_an_outside_party_is_behind_its_new_leg() -> None:
    inbound = document(INBOUND, "PJSIP/carrier1-00000005", "Dial", f"PJSIP/{TARGET}")
    asterisk = dialled_by(inbound, linked=INBOUND)
    asterisk.variables[INBOUND, "BLINDTRANSFER"] = "PJSIP/103-00000004"

    assert await asterisk.behind() == Behind(INBOUND, "PJSIP/103-00000004")


async def test_outside_party_that_nobody_transferred_is_itself_behind_the_leg() -> None:
    inbound = document(INBOUND, "PJSIP/carrier1-00000005", "Dial", f"PJSIP/{TARGET}")

    assert await dialled_by(inbound, linked=INBOUND).behind() == Behind(INBOUND, "PJSIP/carrier1-00000005")


async def test_another_call_to_the_same_number_is_not_behind_the_leg() -> None:
    other = document("9.7", "PJSIP/102-00000007", "Dial", f"PJSIP/{TARGET},20")
    asterisk = dialled_by(PHONE_101)
    asterisk.channels.insert(0, other)
    asterisk.variables["9.7", "CHANNEL(linkedid)"] = "9.7"

    assert await asterisk.behind() == Behind(PHONE, "PJSIP/101-00000000")


@pytest.mark.parametrize("linked", ["", TRUNK_LEG, "9.99"])
async def test_nobody_is_behind_a_leg_that_no_living_channel_began(linked: str) -> None:
    assert await dialled_by(THE_LEG, linked=linked).behind() == Behind()


async def test_list_that_does_not_come_is_told() -> None:
    asterisk = dialled_by(PHONE_101)
    asterisk.status = 500

    with pytest.raises(AriUnavailableError):
        await asterisk.behind()


async def test_variable_of_a_channel_that_has_ended_is_told_from_one_that_is_not_set() -> None:
    asterisk = dialled_by(PHONE_101)

    assert await read_variable(PHONE, "BLINDTRANSFER", asterisk.ari) == ""
    with pytest.raises(LegGoneError):
        await read_variable("9.99", "BLINDTRANSFER", asterisk.ari)


async def test_caller_that_ends_while_it_is_looked_at_is_not_asked_any_more() -> None:
    asterisk = dialled_by(PHONE_101, THE_LEG)
    asterisk.channels.remove(PHONE_101)

    assert await asterisk.behind() == Behind()


async def test_leg_that_ends_with_its_caller_while_it_is_read_is_left_to_what_it_left() -> None:
    asterisk = dialled_by(PHONE_101)
    asterisk.channels.clear()

    with pytest.raises(LegGoneError):
        await asterisk.behind()
