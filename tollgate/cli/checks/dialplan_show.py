"""Reads a dialplan: what Asterisk's ``dialplan show`` prints, and the file that it should have been loaded from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_HEADING = re.compile(r"\[ (?:Included context|Context) '([^']+)' created by")
_EXTENSION = re.compile(r"\s*'([^']*)' (?:\(CID match '[^']*'\) )?=>\s+(.*)")
_STEP = re.compile(r"\s*(?:\[[^\]]*\]\s+)?[0-9]+\. (.*?)\s+\[[^\[\]]*\]$")
_INCLUDE = re.compile(r"\s*Include =>\s+'([^',|]+)")

_CONF_HEADING = re.compile(r"\[([^\]]+)\]")
_CONF_LINE = re.compile(r"\s*(exten|same|include)\s*=>\s*(.*)")
_CONF_COMMENT = re.compile(r"(?:^|\s);.*")

_SHOWN_WHOLE = 200
"""Asterisk may cut longer steps short when it shows them."""


@dataclass(frozen=True, slots=True)
class Context:
    """A context: the steps of each extension it holds itself, and the contexts it includes, in their order."""

    name: str
    steps: Mapping[str, tuple[str, ...]]
    includes: tuple[str, ...]

    def is_loaded_from(self, written: "Context") -> bool:
        """Whether this context, as Asterisk shows it, is the one that was written."""
        if self.includes != written.includes or self.steps.keys() != written.steps.keys():
            return False
        return all(_same(self.steps[extension], steps) for extension, steps in written.steps.items())


def _same(shown: tuple[str, ...], written: tuple[str, ...]) -> bool:
    if len(shown) != len(written):
        return False
    return all(
        ours.startswith(theirs) if len(theirs) >= _SHOWN_WHOLE else ours == theirs
        for theirs, ours in zip(shown, written, strict=True)
    )


@dataclass(frozen=True, slots=True)
class LoadedDialplan:
    """The dialplan as Asterisk has it."""

    contexts: Mapping[str, Context]

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


def parse_shown(text: str) -> LoadedDialplan:
    """Read the whole of ``dialplan show``."""
    contexts = {}
    for block in re.split(r"(?m)^(?=\[ )", text):
        heading = _HEADING.match(block)
        if heading is not None:
            contexts[heading[1]] = _shown_context(heading[1], block.splitlines()[1:])
    return LoadedDialplan(contexts)


def _shown_context(name: str, lines: Iterable[str]) -> Context:
    steps: dict[str, list[str]] = {}
    includes = []
    current: list[str] = []
    for line in lines:
        if include := _INCLUDE.match(line):
            includes.append(include[1])
            continue
        rest = line
        if extension := _EXTENSION.match(line):
            current = steps.setdefault(extension[1], [])
            rest = extension[2]
        if step := _STEP.match(rest):
            current.append(step[1])
    return _context(name, steps, includes)


def parse_written(text: str) -> dict[str, Context]:
    """Read the dialplan of a configuration file of ours: ``exten``, ``same`` with priority ``n``, ``include``."""
    contexts: dict[str, tuple[dict[str, list[str]], list[str]]] = {}
    steps: dict[str, list[str]] = {}
    includes: list[str] = []
    current: list[str] = []
    for raw in text.splitlines():
        line = _CONF_COMMENT.sub("", raw).rstrip()
        if heading := _CONF_HEADING.match(line):
            steps, includes = contexts.setdefault(heading[1], ({}, []))
        elif found := _CONF_LINE.match(line):
            kind, content = found.groups()
            if kind == "include":
                includes.append(content)
            elif kind == "exten":
                extension, _, step = content.split(",", 2)
                current = steps.setdefault(extension, [])
                current.append(step)
            else:
                current.append(content.split(",", 1)[1])
    return {name: _context(name, *parts) for name, parts in contexts.items()}


def _context(name: str, steps: Mapping[str, list[str]], includes: Iterable[str]) -> Context:
    return Context(name, {extension: tuple(texts) for extension, texts in steps.items()}, tuple(includes))


def first_context(text: str) -> str | None:
    """Return the context that ``dialplan show NUMBER@CONTEXT`` found first: the one that a call goes through."""
    heading = _HEADING.search(text)
    return None if heading is None else heading[1]
