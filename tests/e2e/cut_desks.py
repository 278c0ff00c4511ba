"""Desks one of whose lines to Asterisk can be cut."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rating.plan import Plan
from tests.e2e.desk import Desk
from tests.e2e.line import Line
from tests.e2e.office import fill_store
from tests.e2e.pbx import settings_text
from tests.e2e.relay import Relay
from tollgate.office.instance import AsteriskInstance

MakeCutDesk = Callable[..., tuple[Desk, Relay]]
"""Takes the line, ``http`` or ``ami``, and what else the settings say: ``metering=…``, ``more=…``."""


@contextmanager
def cut_desks(folder: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[MakeCutDesk]:
    """Yield what makes a desk one of whose lines to Asterisk goes through a relay."""
    with ExitStack() as stack:

        def make(which: str, **settings: str) -> tuple[Desk, Relay]:
            port = getattr(line.ports, which)
            relay = stack.enter_context(Relay(port))
            url, settings_file = f"sqlite:///{folder / 'tollgate.db'}", folder / "tollgate.toml"
            text = settings_text(line, url, **settings).replace(str(port), str(relay.port))
            settings_file.write_text(text, encoding="utf-8")
            asyncio.run(fill_store(url, plan, "10.00"))
            desk = Desk(folder, line, pbx, settings_file, url)
            stack.callback(desk.close)
            desk.start_service()
            return desk, relay

        yield make
