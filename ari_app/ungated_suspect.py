"""A leg that no call answers for, as far as has been seen of it, from events and from lists of channels."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from ari_app.decode import Channel, ChannelDestroyed, ChannelHangupRequested, ChannelStateChanged, LegDialled
from ari_app.switchboard import ChannelEvent
from ari_app.ungated_leg import Behind, is_outbound
from ari_app.ungated_verdict import UngatedVerdict
from charging.state import ClockReading


@dataclass(slots=True, eq=False)
class Suspect:
    """A leg that no call answers for, as far as has been seen."""

    leg: Channel
    seen_at: datetime
    target: str = ""
    """Its dial string, where an event told it."""
    called: bool = False
    """Whether an event told that it was called from here."""
    answered_at: datetime | None = None
    is_found_talking: bool = False
    """Whether its answer went by unseen, and ``answered_at`` is only when it was found."""
    far_end_hung_up_at: datetime | None = None
    ended: ChannelDestroyed | None = None
    judged_by: ClockReading | None = None
    """What the clocks showed as it was judged: its call's own time."""
    verdict: UngatedVerdict | None = None
    """Known where it is followed as soon as it is answered."""
    behind: Behind = field(default_factory=Behind)
    alarm: asyncio.TimerHandle | None = None
    failures: int = 0
    """How often Asterisk or the store did not answer what was asked of it."""

    def is_seen(self, leg: Channel, at: datetime) -> None:
        """Take in the leg as a read shows it; an answer that went by unseen came now, unless it can be read."""
        self.leg = leg
        self.called = self.called or is_outbound(leg) is True
        if leg.state == "Up" and self.answered_at is None:
            self.answered_at = leg.answered_at or at
            self.is_found_talking = leg.answered_at is None

    def answer_is_read(self, answered_at: datetime | None) -> None:
        """Take in when a leg that was found talking was answered; None where that is not known."""
        if self.answered_at is not None and answered_at is not None:
            self.answered_at = min(answered_at, self.answered_at)
        self.is_found_talking = False

    def learn(self, event: ChannelEvent) -> None:
        """Take in what an event tells."""
        self.leg = event.channel
        self.called = self.called or is_outbound(event.channel) is True
        if event.channel.state == "Up" and isinstance(event, ChannelStateChanged):
            self.answered_at = self.answered_at or event.at
        match event:
            case LegDialled() if event.dialled:
                self.target = event.dialled
            case ChannelHangupRequested(soft=False):
                self.far_end_hung_up_at = self.far_end_hung_up_at or event.at
            case ChannelDestroyed():
                self.ended = event
                self.answered_at = self.answered_at or event.channel.answered_at
            case _:
                pass
