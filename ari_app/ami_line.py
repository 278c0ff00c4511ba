"""What stands between panoramisk and the wire: bounds on all that comes, and nothing but answers to what was asked.

panoramisk gathers what has not ended yet in one text, which it copies at each read; it keeps an answer of many parts
until the last of them has come, hands events to whoever asked for them, and raises wherever a message has a header
twice. A neighbour that goes on and on, or lies about its form, would fill the memory or hold the event loop up. Here a
connection that sends what no Asterisk sends is cut, and made again by who keeps it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from ari_app.complaints import Complaints
from ari_app.errors import AsteriskError

BANNER: Final = b"Asterisk Call Manager/"
ACTION_ID: Final = b"\r\nactionid: "
STARTS: Final = (b"Event: ", b"Response: ")
END_OF_LINE: Final = b"\r\n"
END_OF_MESSAGE: Final = b"\r\n\r\n"
MOST_BANNER_BYTES: Final = 200
LARGEST_MESSAGE_BYTES: Final = 1 << 20
"""The longest answer in one message is what a command prints: ``dialplan show`` of a large PBX, some 100 kB."""
MOST_LINES: Final = 20_000
"""Of one message."""
LARGEST_ANSWER_BYTES: Final = 16 << 20
"""All parts of an answer that is a list: some 80 000 records of AstDB."""
MOST_UNASKED_BYTES: Final = 1 << 20
"""What nobody asked for, since the last answer; events are off, and an Asterisk that has just booted says so once."""
LEAST_COST_BYTES: Final = 100
"""What an empty message counts, since it takes time too."""
PING_S = 10.0
"""How often a line that may be dead is asked for a sign of life."""
REPEATABLE: Final = frozenset({"output"})
"""Headers that an answer may have more than once: the lines that a command prints."""


class UnusableMessageError(AsteriskError):
    """A message that no Asterisk sends."""


class BoundedProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Reads messages from the wire, and gives answers to the actions that wait for them."""

    def __init__(self, complaints: Complaints) -> None:
        """Begin before the banner."""
        super().__init__()
        self._complaints = complaints
        self._unread = bytearray()
        self._searched = 0
        self._greeted = False
        self._unasked_bytes = 0
        self._answer_bytes: dict[str, int] = {}

    def data_received(self, data: bytes) -> None:
        """Take in what has come; a line that cannot be believed any more is cut."""
        if self.closed:
            return
        self._unread += data
        try:
            self._read_banner()
            self._read_messages()
        except UnusableMessageError as error:
            self._complaints.note("broken", "ami_line_cut", reason=str(error))
            self._unread.clear()
            self.connection_lost(error)

    def _read_banner(self) -> None:
        if self._greeted:
            return
        start = bytes(self._unread[: len(BANNER)])
        if not BANNER.startswith(start) and not start.startswith(BANNER):
            raise UnusableMessageError("what answers is no Asterisk")
        end = self._unread.find(END_OF_LINE)
        if end >= 0:
            self._greeted = True
            del self._unread[: end + len(END_OF_LINE)]
        elif len(self._unread) > MOST_BANNER_BYTES:
            raise UnusableMessageError("its banner does not end")

    def _read_messages(self) -> None:
        begin = 0
        while self._greeted and (end := self._unread.find(END_OF_MESSAGE, max(begin, self._searched))) >= 0:
            self._take(bytes(self._unread[begin:end]).strip())
            begin = self._searched = end + len(END_OF_MESSAGE)
        del self._unread[:begin]
        self._searched = max(0, len(self._unread) - len(END_OF_MESSAGE) + 1)
        if len(self._unread) > LARGEST_MESSAGE_BYTES:
            raise UnusableMessageError(f"a message has more than {LARGEST_MESSAGE_BYTES} bytes")

    def _take(self, raw: bytes) -> None:
        """Give a message to the action that waits for it."""
        if len(raw) > LARGEST_MESSAGE_BYTES or raw.count(END_OF_LINE) > MOST_LINES:
            raise UnusableMessageError(f"a message has {len(raw)} bytes")
        if ACTION_ID not in raw.lower():  # most of what a flood brings is not worth the reading
            self._pass_over(raw, "unasked" if raw.startswith(STARTS) else "malformed")
            return
        message = Message.from_line(raw.decode(errors="replace"))
        action_id = None if message is None else message.get("actionid")
        action = self.responses.get(action_id) if isinstance(action_id, str) else None
        if message is None or action is None:
            self._pass_over(raw, "malformed" if message is None else "unasked")
        else:
            self._unasked_bytes = 0
            self._answer(action, self._plain(message), len(raw))

    def _plain(self, message: Message) -> Message:
        """Return an answer without a header twice: where a value has brought a line of its own, which one is true?"""
        if all(not isinstance(value, list) or name.lower() in REPEATABLE for name, value in message.items()):
            return message
        self._complaints.note("malformed", "ami_answer_malformed")
        return Message({"Response": "Error", "Message": "the answer has a header twice"})

    def _pass_over(self, raw: bytes, outcome: str) -> None:
        self._unasked_bytes += max(len(raw), LEAST_COST_BYTES)
        self._complaints.note(outcome, f"ami_message_{outcome}", length=len(raw))
        if self._unasked_bytes > MOST_UNASKED_BYTES:
            raise UnusableMessageError("it goes on saying what nobody asked")

    def _answer(self, action: Any, message: Message, size: int) -> None:
        total = self._answer_bytes.get(action.action_id, 0) + size
        if total > LARGEST_ANSWER_BYTES:
            raise UnusableMessageError(f"an answer has more than {LARGEST_ANSWER_BYTES} bytes")
        if action.as_list and not action.responses and not message.success:
            action.responses.append(message)  # panoramisk would wait for the end of a list that never begins
            action.future.set_result(action.responses)
        elif action.future.done() or not action.add_message(message):
            self._answer_bytes[action.action_id] = total
            return
        self._answer_bytes.pop(action.action_id, None)
        self.responses.pop(action.id, None)
        self.responses.pop(action.action_id, None)

    def connection_lost(self, error: object) -> None:
        """Tell of the end, once."""
        if self.factory is None:  # cut before panoramisk took it over
            self.close()
        else:
            super().connection_lost(error)

    def close(self) -> None:
        """Drop the line; who waits for an answer is told at once. What a neighbour does not read is not kept for it."""
        if self.closed:
            return
        waiting = list(self.responses.values())
        super().close()
        self.transport.abort()
        for action in waiting:
            if not action.future.done():
                action.future.set_exception(ConnectionResetError("the connection to AMI was lost"))
                action.future.exception()  # nobody waits for the answer to a ping


class OneConnection(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A manager that lives as long as its connection and queues nothing for the next."""

    def __init__(self, on_lost: Callable[[], None], complaints: Complaints, **config: Any) -> None:
        """Prepare a connection; ``on_lost`` is told of its end."""
        super().__init__(protocol_factory=lambda: BoundedProtocol(complaints), **config)
        self.awaiting_actions: deque[object] = deque(maxlen=0)
        self.pinger: asyncio.TimerHandle | None
        self._on_lost = on_lost
        self._pinged: asyncio.Future[Message] | None = None

    def connection_made(self, task: "asyncio.Task[Any]") -> None:
        """Log in, unless nobody listens."""
        if not task.cancelled() and task.exception() is None:
            super().connection_made(task)

    def login(self, future: "asyncio.Future[Message]") -> bool:
        """Take in the answer to the login, if there was one in time."""
        if future.cancelled() or future.exception() is not None:
            return False
        if self.pinger is not None:
            self.pinger.cancel()
        self.pinger = self.loop.call_later(PING_S, self.ping)
        return bool(future.result().success)

    def ping(self) -> None:
        """Ask for a sign of life; a line that has not answered the last time is dead, whatever TCP believes."""
        if self._pinged is not None and not self._pinged.done():
            self.protocol.connection_lost(ConnectionResetError("no answer to a ping"))
            return
        self.pinger = self.loop.call_later(PING_S, self.ping)
        self._pinged = self.protocol.send({"Action": "Ping"})

    def connection_lost(self, _exc: object) -> None:
        """Tell of the end; who keeps this connection makes another."""
        if self.pinger is not None:
            self.pinger.cancel()
            self.pinger = None
        self._on_lost()
