"""The command line: reads arguments, asks the store, the rating and Asterisk, and shows what they say.

A command is a small typer function in the module of its topic. Around all of them there are one error boundary
(:mod:`tollgate.cli.app`), one output layer (:mod:`tollgate.cli.output`) and one way to read times
(:mod:`tollgate.cli.times`). Exit status: 0 done, 1 refused or a check failed, 2 bad input or usage.
"""

import sys


def main() -> None:
    """Run the command line with the process's arguments, and exit with its status."""
    from tollgate.cli.app import run

    sys.exit(run(sys.argv[1:]))
