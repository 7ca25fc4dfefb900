"""A layer imports only what is drawn below it in ARCHITECTURE.md; a third-party package is imported in one layer."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "torc_local"

BELOW = {
    "ground": set(),
    "spec": {"ground"},
    "store": {"ground"},
    "engine": {"store", "ground"},
    "report": {"engine", "store", "ground"},
    "process": {"engine", "store", "ground"},
    "tui": {"report", "process", "engine", "store", "ground"},
    "cli": {"tui", "report", "process", "engine", "store", "spec", "ground"},
}
PACKAGES = {
    "yaml": "spec",
    "pyjson5": "spec",
    "ckdl": "spec",
    "pynvml": "process",
    "apsw": "store",
    "psutil": "process",
    "typer": "cli",
    "tqdm": "cli",
    "textual": "tui",
    "rich": "tui",  # Textual's own
}

# The translators between two strangers; the places where a process ends and an SQLite error becomes a sentence; and
# those that say which SQLite this is.
ALSO = {
    "report/health.py": {"apsw"},
    "engine/adding.py": {"spec"},
    "engine/spawning.py": {"spec"},
    "engine/taking_over.py": {"spec"},
    "engine/admit.py": {"spec"},
    "engine/admit_io.py": {"spec"},
    "engine/failing.py": {"spec"},
    "engine/exporting.py": {"spec"},
    "engine/graph.py": {"spec"},
    "engine/limits.py": {"spec"},
    "engine/options.py": {"spec"},
    "process/workers.py": {"apsw"},
    "process/repair.py": {"apsw"},
    "cli/main.py": {"apsw"},
    "cli/looking.py": {"apsw"},
}


#: Modules for people who import the package; they may use each other.
DOORS = {"user_data", "orchestrator", "functions"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below_it(path):
    name = str(path.relative_to(ROOT))
    layer = name.split("/", maxsplit=1)[0] if "/" in name else "cli"  # what people import is the front door
    for imported in imports(path):
        first, _, rest = imported.partition(".")
        if first == "torc_local":
            other = rest.split(".")[0]
            allowed = BELOW[layer] | {layer} | ALSO.get(name, set())
            if "/" not in name:
                allowed |= DOORS
            assert other in allowed or other in ("", "__version__"), f"{name} imports {imported}"
        elif first not in sys.stdlib_module_names:
            assert PACKAGES.get(first) == layer or first in ALSO.get(name, set()), f"{name} imports {imported}"


#: Who opens a database for writing without asking the nodes at work first (cli/writing.py): what makes that safe.
UNASKED = {
    "cli/writing.py": "asks",
    "cli/running.py": "is a node itself, and has asked",
    "cli/inside.py": "is called by a job: a node of this machine is at work, and has asked",
    "cli/spawning.py": "the same",
    "cli/together.py": "its own file",
    "cli/contention.py": "its own file",
}


def test_commands_that_write_ask_the_nodes_at_work_first():
    opens = {"open_existing", "open_or_create"}
    found = set()
    for path in [*(ROOT / "cli").rglob("*.py"), *(ROOT / "tui").rglob("*.py"), *ROOT.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in opens and ast.unparse(node.value) == "opening":
                found.add(str(path.relative_to(ROOT)))
    assert found == set(UNASKED)
