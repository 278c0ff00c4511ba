"""``serve`` and ``demo``: the service, and calls to try it with."""

import asyncio

import typer

from tollgate.cli.context import JsonOption, settings_of
from tollgate.cli.topic import topic

serve_app = topic()
demo_app = topic()


@serve_app.command()
def serve(ctx: typer.Context) -> None:
    """Run the service until SIGINT or SIGTERM. Its log goes to stdout.

    \b
    Examples:
      tollgate serve
      tollgate --config /etc/tollgate/tollgate.toml serve
    """
    from tollgate.loop import run_on_fast_loop
    from tollgate.serve import run_service

    run_on_fast_loop(run_service(settings_of(ctx)))


@demo_app.command()
def demo(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Place a few calls through the demonstration office, and show them as they go.

    It dials the simulated network only, and refuses any other trunk.

    \b
    Examples:
      tollgate demo
      tollgate demo --json
    """
    from tollgate.demo import run_demo

    asyncio.run(run_demo(settings_of(ctx), as_json))
