"""Every list that the tidy tests read: who may import what, and each exception with its reason.

An exception is an entry here, with a reason that a reader can weigh, and nowhere else.
"""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# ---------------------------------------------------------------------------------------- floors
# Lowest first: a floor imports itself and what stands before it.
FLOORS = ("shm_layout", "oms", "procs")

# Inside oms the same holds, room by room: a row imports itself and the rows before it. The longest
# name that a module begins with says where it stands.
OMS_ROWS = (
    ("oms.errors", "oms.chance", "oms.ids", "oms.text", "oms.units"),
    ("oms.ports", "oms.instruments", "oms.instruments_hot"),
    ("oms.config", "oms.config_parts", "oms.config_build", "oms.config_checks"),
    ("oms.venues",),
    ("oms.book", "oms.journal", "oms.orders"),
    ("oms.exchange",),
    ("oms.venues.serving", "oms.venues.server", "oms.venues.*.batch_hot"),
    ("oms.venues.*.server",),
    ("oms.venues.registry",),
    ("oms.risk",),
    ("oms.strategies",),
    ("oms.agents",),
    ("oms.sim",),
)

THIRD_PARTY = {
    "shm_layout": {"numpy", "numba", "llvmlite", "posix_ipc"},
    "oms": {"numpy", "numba", "orjson", "cryptography"},
    "procs": {
        requirement.partition(">")[0]
        for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
            "dependencies"
        ]
    },
}

# shm_layout may touch the machine where bytes need it (os, mmap, fcntl), but not the network, other
# processes, threads or randomness.
SHM_LAYOUT_BANNED_STDLIB = {
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "random", "secrets", "select",
    "selectors", "shelve", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "threading",
    "urllib", "uuid",
}  # fmt: skip

# oms is pure, so its list says what it may import: modules that only compute.
OMS_ALLOWED_STDLIB = {
    "__future__", "abc", "array", "base64", "binascii", "bisect", "calendar", "collections",
    "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "hashlib", "heapq", "hmac", "io", "itertools", "json", "keyword",
    "math", "numbers", "operator", "re", "statistics", "string", "struct", "textwrap", "tomllib",
    "types", "typing", "urllib.parse", "zlib",
}  # fmt: skip

# Calls that are impure though their module is not, by dotted end. On both lower floors.
IMPURE_CALLS = {
    "open": "files are opened on the procs floor",
    "input": "a terminal belongs to the procs floor",
    "print": "output belongs to the procs floor",
    "eval": "no code from data",
    "exec": "no code from data",
    "__import__": "imports are written down where they can be read",
    "io.open": "files are opened on the procs floor",
    "datetime.now": "clocks are read on the procs floor",
    "datetime.utcnow": "clocks are read on the procs floor",
    "datetime.today": "clocks are read on the procs floor",
    "date.today": "clocks are read on the procs floor",
    "time.time": "clocks are read on the procs floor, in nanoseconds",
    "os.urandom": "randomness comes through a port",
    "np.random": "randomness comes through a port, or from a generator with a named seed",
    "numpy.random": "randomness comes through a port, or from a generator with a named seed",
}

# What numpy.random may be used for: a generator made from an explicit seed, and its type.
SEEDED = {"Generator", "PCG64", "SeedSequence"}

# (file, name of IMPURE_CALLS) → reason
IMPURE_ALLOWED = {
    ("shm_layout/segment.py", "open"): "the one place that opens a segment's file",
    ("shm_layout/layout.py", "print"): "a command: it says what it wrote",
}

# ------------------------------------------------------------------------------------- exchanges
EXCHANGES = ("binance", "bybit", "okx", "upbit", "bithumb", "coinone")
MAY_NAME_EXCHANGES = {  # path → reason
    "shm_layout/enums.py": "a market's number in records and journals",
    "oms/venues/registry.py": "the one place where a name becomes its code",
    "procs/cli/book.py": "its examples show a market as a person types it",
    "procs/cli/order.py": "its examples show a market as a person types it",
    "procs/cli/sim.py": "its examples say what is simulated",
}

# ------------------------------------------------------------------------------------ references
NOT_OURS = {  # a file in back-ticks, or the first folder of its path → reason
    "my": "what a reader of docs/your-first-strategy.md makes",
    "file.toml": "stands for any file of a config",
}
TELLS_THE_PAST: dict[str, str] = {  # path → reason: what it names need not be there any more
    "CHANGELOG.md": "says what was changed",
    "docs/decisions.md": "says what was decided, at its time",
}

# --------------------------------------------------------------------------------------- kernels
DECORATORS = {"hot", "intrinsic"}  # a kernel, or a primitive of the machine that kernels call
JIT_SWITCHES = {  # `if JIT_ON:` at the top of a kernel file chooses between a kernel and its twin
    "JIT_ON",
    "COMPILING",
}

COLD_IN_KERNEL_FILES = {  # path::function → reason
    "shm_layout/words/crc_hot.py::_make_table": "computes a constant once, at import",
}

# ----------------------------------------------------------------------------------------- sizes
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 80
TRACKED_BYTES_MAX = 1 << 20

LONGER_FILES = {  # path → reason
    "shm_layout/records.py": "the only definition of any layout stands in one place",
}
FOLDER_FILES_MAX = 24
"""Python files at one level: what a person still takes in at one look."""
CROWDED_FOLDERS = {  # folder → reason
    "tests/bench": "a bench is found by its name",
    "tests/oms/agents": "suites of the agents, by their names",
    "tests/procs": "suites of the hosts and verbs, by their names",
}
LONGER_FUNCTIONS: dict[str, str] = {}  # path::qualified.name → reason


# ----------------------------------------------------------------------------------- the material
@cache
def tracked() -> tuple[Path, ...]:
    """Files that are tracked, or would be: new ones are judged before they are committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive has no git
        hidden = {".git", ".venv", ".cache", "__pycache__", "var", "build"}
        paths = [p for p in ROOT.rglob("*") if not hidden & set(p.relative_to(ROOT).parts)]
    return tuple(sorted(p for p in set(paths) if p.is_file()))


@cache
def tracked_links() -> tuple[str, ...]:
    """Symbolic links that are tracked: their targets are paths of some machine."""
    command = ["git", "ls-files", "--stage"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive has no git
        return ()
    rows = (line.split("\t", 1) for line in listed.stdout.splitlines())
    return tuple(name for mode, name in rows if mode.startswith("120000"))


def relative(path: Path) -> str:
    """A path as the project writes it."""
    return path.relative_to(ROOT).as_posix()


def python_files(*folders: str) -> list[Path]:
    """Tracked Python files, all or those of some top folders."""
    files = [p for p in tracked() if p.suffix == ".py"]
    return [p for p in files if not folders or relative(p).split("/")[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


def imported(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Absolute dotted names that a module imports, with lines; late and guarded ones, too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of attributes; its end where it starts with something else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))
