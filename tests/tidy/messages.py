"""Every sentence for a person, read out of the sources: what a catalogue must hold.

A sentence is the text of an error class of ours, or what is handed to `say`, `tell` or a
supervisor's `_say`. An f-string becomes a template: its values are {0}, {1} … in their order.
"""

import ast
import re
from collections.abc import Iterator

from tests.tidy import laws

ERRORS = {
    "AlreadyRunningError", "AskError", "CommandRefusedError", "CompileError", "ConfigError",
    "DiskFullError", "JournalError", "NotRunningError", "RefusedError", "ResourceError",
    "SegmentError", "SilentError", "StartFailedError", "StartFailure", "TransportError",
    "TuningError",
    "VenueError",
}  # fmt: skip
SPEAKERS = {"say", "tell", "_say"}
SPEAKING_METHODS = {"procs/supervisor.py", "procs/keeper.py"}
"""Where `_say` speaks to a person; elsewhere it is an agent's word to another."""
BUILDERS = {
    "oms/config_build.py", "oms/config_checks.py", "procs/config/files.py", "procs/cli/status.py",
    "procs/cli/findings/checks.py", "procs/cli/findings/rates.py", "procs/cli/findings/tuning.py",
    "procs/cli/parts/links.py", "procs/cli/parts/watch.py", "procs/machine/host_plan.py",
    "procs/machine/facts.py", "procs/sim_host.py",
}  # fmt: skip
"""Files that collect sentences: what they append, yield, return or list, and the fix of a `Row`."""
LISTS = (ast.ListComp, ast.GeneratorExp)
FIX = 3
"""Which argument of a `Row` it is."""
KNOBS = "scripts/tuning/"
KNOB_WORDS = {"lacks", "after", "pending"}
NOTE = 2
"""What was found, and what to do."""
LETTERS_MIN = 5
"""A text with fewer fixed letters says nothing by itself: `{0}: {1}`."""


def template(node: ast.AST) -> str | None:
    """The template of an expression; None = it is no text that is written there."""
    parts: list[str] = []
    count = 0

    def add(one: ast.AST) -> bool:
        nonlocal count
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            parts.append(one.value)
        elif isinstance(one, ast.JoinedStr):
            for value in one.values:
                add(value)
        elif isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add):
            add(one.left)
            add(one.right)
        else:
            parts.append(f"{{{count}}}")
            count += 1
        return True

    if not isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)):
        return None
    add(node)
    made = "".join(parts)
    letters = len(re.findall(r"[a-z]", re.sub(r"\{\d+\}", "", made)))
    return made if letters >= LETTERS_MIN and " " in made else None


def sentences_of(path: str, module: ast.Module) -> Iterator[tuple[str, int]]:
    """(template, line) of every sentence in a module."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = laws.dotted(node.func).split(".")[-1]
            speaks = name in SPEAKERS and (name != "_say" or path in SPEAKING_METHODS)
            if name in ERRORS or speaks or (name == "append" and path in BUILDERS):
                yield from ((found, node.lineno) for a in node.args if (found := template(a)))
            if name == "Row" and path in BUILDERS and len(node.args) > FIX:
                found = template(node.args[FIX])
                if found:
                    yield found, node.lineno
        elif path in BUILDERS and isinstance(node, (ast.Return, ast.Yield, *LISTS)):
            value = node.elt if isinstance(node, LISTS) else node.value
            found = template(value) if value is not None else None
            if found:
                yield found, node.lineno


def knob_sentences(module: ast.Module) -> Iterator[tuple[str, int]]:
    """What a file of `scripts/tuning` hands to `Wanted`: its words, and the pairs of its notes."""
    given: list[ast.AST] = []
    for node in ast.walk(module):
        if (isinstance(node, ast.keyword) and node.arg in KNOB_WORDS) or (
            isinstance(node, ast.Assign) and laws.dotted(node.targets[0]).endswith(".lacks")
        ):
            given.append(node.value)
        elif (
            isinstance(node, ast.Tuple)
            and len(node.elts) == NOTE
            and isinstance(node.ctx, ast.Load)
        ):
            given += node.elts
    for one in given:
        branches = (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,)
        yield from ((found, one.lineno) for b in branches if (found := template(b)))


def all_sentences() -> dict[str, str]:
    """Template -> where it stands first."""
    found: dict[str, str] = {}
    for path in laws.python_files("shm_layout", "oms", "procs", "scripts"):
        name = laws.relative(path)
        listed = []
        if name.startswith(KNOBS):
            listed += [*knob_sentences(laws.tree(path))]
        if name.startswith(KNOBS) or not name.startswith("scripts/"):
            listed += [*sentences_of(name, laws.tree(path))]
        for text, line in listed:
            found.setdefault(text, f"{name}:{line}")
    return found


def as_po(text: str) -> str:
    """An entry to be filled in."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'msgid "{quoted}"\nmsgstr ""\n'
