"""Reads what Asterisk's ``dialplan show`` prints."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_CONTEXT = re.compile(r"\[ (?:Included context|Context) '([^']+)' created by")
_EXTENSION = re.compile(r"\s*'([^']*)' (?:\(CID match '[^']*'\) )?=>\s")
_INCLUDE = re.compile(r"\s*Include =>\s+'([^',|]+)")


@dataclass(frozen=True, slots=True)
class Context:
    """A context: the extensions it holds itself, and the contexts it includes, in their order."""

    name: str
    extensions: tuple[str, ...]
    includes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedDialplan:
    """The dialplan as Asterisk has it."""

    contexts: Mapping[str, Context]
    text: str

    def including(self, name: str) -> set[str]:
        """Return the contexts that include ``name``, directly or not."""
        return {found for found in self.contexts if found != name and name in self.reach([found])}

    def reach(self, names: Iterable[str]) -> set[str]:
        """Return these contexts and all that they include, directly or not."""
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self.contexts and name not in reached:
                reached.add(name)
                waiting += self.contexts[name].includes
        return reached


def parse_dialplan(text: str) -> LoadedDialplan:
    """Read the whole of ``dialplan show``."""
    contexts: dict[str, Context] = {}
    for block in re.split(r"(?m)^(?=\[ )", text):
        heading = _CONTEXT.match(block)
        if heading is None:
            continue
        lines = block.splitlines()
        extensions = (match[1] for line in lines if (match := _EXTENSION.match(line)))
        includes = (match[1] for line in lines if (match := _INCLUDE.match(line)))
        contexts[heading[1]] = Context(heading[1], tuple(extensions), tuple(includes))
    return LoadedDialplan(contexts, text)


def first_context(text: str) -> str | None:
    """Return the context that ``dialplan show NUMBER@CONTEXT`` found first: the one that a call goes through."""
    heading = _CONTEXT.search(text)
    return None if heading is None else heading[1]
