"""What becomes of messages between the service and Asterisk: rules that a test sets while they pass.

A proxy hands each whole message to :meth:`Faults.treat`, in its own thread; the first rule that matches decides, and
without one the message goes on as it came. A test waits for a message with :meth:`Rule.wait`, never by sleeping.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar


class Direction(Enum):
    """Where a message goes."""

    TO_ASTERISK = "to Asterisk"
    TO_SERVICE = "to the service"

    @property
    def back(self) -> "Direction":
        """The other one."""
        return Direction.TO_SERVICE if self is Direction.TO_ASTERISK else Direction.TO_ASTERISK


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a rule sees it."""

    direction: Direction
    name: str
    """An event's type, a REST request's method and path, an AMI action's name."""
    fields: Mapping[str, Any]
    text: str
    """As it goes on the line."""


class Road(Protocol):
    """The connection that a message came on."""

    def send(self, message: Message) -> None:
        """Send a message in its direction, behind those that wait; nothing where the connection is gone."""

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later, in the proxy's thread; callable from any thread."""

    def answer(self, request: Message, status: int) -> Message:
        """Return what Asterisk says to a request that it did not carry out."""

    def rewritten(self, message: Message, fields: Mapping[str, Any]) -> Message:
        """Return the message with other fields."""


Match = Callable[[Message], bool]
Treatment = Callable[[Message, Road], None]


class Rule:
    """What is done with the messages that match, and which those were."""

    def __init__(self, match: Match, treatment: Treatment, times: int | None) -> None:
        self._match = match
        self._treatment = treatment
        self._left = times
        self._changed = threading.Condition()
        self._seen: list[Message] = []

    def takes(self, message: Message) -> bool:
        """Say whether this message is the rule's, and count it."""
        if self._left == 0 or not self._match(message):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def treat(self, message: Message, road: Road) -> None:
        """Do it, then tell those who wait."""
        self._treatment(message, road)
        with self._changed:
            self._seen.append(message)
            self._changed.notify_all()

    @property
    def seen(self) -> list[Message]:
        """The messages that matched so far."""
        with self._changed:
            return list(self._seen)

    def wait(self, count: int = 1, limit_s: float = 20) -> list[Message]:
        """Wait until so many messages have matched, and return them."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._seen) >= count, limit_s)
            assert arrived, f"{len(self._seen)} of {count} messages within {limit_s} s"
            return list(self._seen)

    def end(self) -> None:
        """Match nothing more."""
        self._left = 0


class HeldRule(Rule):
    """Keeps messages back until they are let go, in the order in which they came."""

    def __init__(self, match: Match, times: int | None, until: Match | None) -> None:
        super().__init__(match, self._keep, times)
        self._until = until
        self._kept: list[tuple[Message, Road]] = []

    def _keep(self, message: Message, road: Road) -> None:
        self._kept.append((message, road))

    def passed(self, message: Message) -> None:
        """Let go what waits for this message, which has just been sent on."""
        if self._until is not None and self._until(message):
            self._let_go()

    def release(self) -> None:
        """Let go what is kept, and keep nothing more. What came on a connection that is gone is lost."""
        self.end()
        for _, road in self._kept[:1]:
            road.later(0, self._let_go)

    def _let_go(self) -> None:
        kept, self._kept = self._kept, []
        for message, road in kept:
            road.send(message)


RuleT = TypeVar("RuleT", bound=Rule)


class Faults:
    """The rules of one proxy; a later rule goes before an earlier one. ``times`` None: for every message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def watch(self, match: Match) -> Rule:
        """Let messages pass, and note them."""
        return self._add(Rule(match, lambda message, road: road.send(message), None))

    def drop(self, match: Match, times: int | None = None) -> Rule:
        """Lose messages."""
        return self._add(Rule(match, lambda _message, _road: None, times))

    def duplicate(self, match: Match) -> Rule:
        """Send messages twice."""

        def twice(message: Message, road: Road) -> None:
            road.send(message)
            road.send(message)

        return self._add(Rule(match, twice, None))

    def delay(self, match: Match, delay_s: float) -> Rule:
        """Send messages later than those behind them."""
        return self._add(Rule(match, lambda message, road: road.later(delay_s, lambda: road.send(message)), None))

    def hold(self, match: Match, times: int | None = None) -> HeldRule:
        """Keep messages back until :meth:`HeldRule.release`."""
        return self._add(HeldRule(match, times, None))

    def reorder(self, match: Match, behind: Match) -> HeldRule:
        """Keep messages back until one that matches ``behind`` has gone ahead."""
        return self._add(HeldRule(match, None, behind))

    def refuse(self, match: Match, status: int = 500, times: int | None = None) -> Rule:
        """Answer requests in Asterisk's stead; it never sees them."""
        return self._add(Rule(match, lambda message, road: road.send(road.answer(message, status)), times))

    def change(self, match: Match, fields: Mapping[str, Any], times: int | None = None) -> Rule:
        """Send messages on with some fields changed."""
        return self._add(
            Rule(match, lambda message, road: road.send(road.rewritten(message, {**message.fields, **fields})), times)
        )

    def _add(self, rule: RuleT) -> RuleT:
        with self._lock:
            self._rules.insert(0, rule)
        return rule

    def clear(self) -> None:
        """Let go all that is held, and leave messages alone from now on."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            if isinstance(rule, HeldRule):
                rule.release()

    def treat(self, message: Message, road: Road) -> None:
        """Do with a message what the rules say."""
        with self._lock:
            rules = list(self._rules)
        rule = next((each for each in rules if each.takes(message)), None)
        if rule is None:
            road.send(message)
        else:
            rule.treat(message, road)
        for each in rules:
            if isinstance(each, HeldRule):
                each.passed(message)


# --- which messages ------------------------------------------------------------------------------------------


def named(*names: str) -> Match:
    """Match events of these types, or AMI actions of these names."""
    return lambda message: message.name in names


def event(name: str, *, state: str | None = None, trunk: str = "") -> Match:
    """Match an event, of a channel in this state, of a channel on this endpoint."""

    def matches(message: Message) -> bool:
        channel = message.fields.get("channel", {})
        return (
            message.name == name
            and state in {None, channel.get("state")}
            and str(channel.get("name", "")).startswith(f"PJSIP/{trunk}")
        )

    return matches


def any_event(message: Message) -> bool:
    """Match every event of ARI."""
    return message.direction is Direction.TO_SERVICE and message.name != "RESTResponse"


def request(method: str, *ends: str) -> Match:
    """Match a REST request by its method and how its path ends."""
    return lambda message: message.name.startswith(f"{method} ") and message.name.endswith(ends or "")


def response_to(rule: Rule) -> Match:
    """Match the answers to the requests that a rule saw."""
    return lambda message: message.name == "RESTResponse" and message.fields.get("request_id") in _ids(rule.seen)


def _ids(messages: Iterable[Message]) -> set[Any]:
    return {message.fields.get("request_id") for message in messages}
