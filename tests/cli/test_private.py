"""What we write is its owner's alone, whatever the umask; traps are not stepped into; names are only names."""

import json
import os
import stat
import subprocess
import sys

import pytest

from tests.report.small import small_database
from torc_local.process.command import LONGEST_ARGUMENT

NOBODY = 65534


@pytest.fixture
def spec(here):
    """A job whose command needs a script, and one that looks at all files while they are there."""
    long = "true " + "x" * LONGEST_ARGUMENT
    look = f"find {here}/new {here}/tmp -printf '%m %y %p\\n'; sleep 0.3"
    jobs = [{"name": "long", "command": f"sleep 0.2; {long}"}, {"name": "look", "command": f"sleep 0.1; {look}"}]
    (here / "w.json").write_text(json.dumps({"name": "w", "jobs": jobs}))
    (here / "tmp").mkdir(mode=0o700)
    return "w.json"


def torc(here, *words, umask="022"):
    command = f'umask {umask}; exec "$@"'
    environment = {**os.environ, "TMPDIR": str(here / "tmp")}
    environment.pop("XDG_RUNTIME_DIR", None)
    return subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, "-m", "torc_local", *words],
        env=environment, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip


@pytest.mark.parametrize("umask", ["000", pytest.param("022", marks=pytest.mark.fault)])
def test_everything_that_a_run_writes_is_its_owners_alone(here, spec, umask):
    done = torc(here, "run", spec, "-j", "2", "--db", "new/deep/torc.db", "--progress", "none", umask=umask)
    assert done.returncode == 0, done.stderr
    listed = torc(here, "logs", "look", "--db", "new/deep/torc.db").stdout
    seen = {path: (mode, kind) for mode, kind, path in (line.split(" ", 2) for line in listed.splitlines())}
    wanted = {"torc.db", "torc.db-wal", "torc.db-shm", "stdio", "scripts", "new", "deep"}
    assert wanted <= {os.path.basename(path) for path in seen}  # noqa: PTH119
    for suffix in (".out", ".err", ".sh", ".turnstile"):
        assert any(path.endswith(suffix) for path in seen), suffix
    assert {mode for mode, kind in seen.values() if kind == "f"} == {"600"}
    assert {mode for mode, kind in seen.values() if kind == "d"} == {"700"}
    for path in (here / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.fixture
def open_place(here):
    """A directory that everybody can write, as shared temporary ones are."""
    if os.geteuid() != 0:
        pytest.skip("only root can make links of somebody else")
    place = here / "open"
    place.mkdir()
    place.chmod(0o1777)
    return place


def plant(link, target, owner=NOBODY):
    link.symlink_to(target)
    os.chown(link, owner, owner, follow_symlinks=False)


@pytest.mark.parametrize("where", ["open/torc.db", "open/linked/torc.db"])
@pytest.mark.parametrize("exists", [True, False], ids=["leads to a file", "leads nowhere"])
def test_a_link_that_somebody_planted_is_not_followed_to_a_database(call, here, open_place, spec, where, exists):
    target = small_database(here / "mine" / "torc.db") if exists else here / "precious" / "torc.db"
    content = target.read_bytes() if exists else None
    first = open_place / ("torc.db" if where == "open/torc.db" else "linked")
    plant(first, target if first.name == "torc.db" else target.parent)
    for words in (["run", spec], ["create", spec], ["status"], ["doctor", "--repair"], ["db", "vacuum"]):
        answer = call(*words, "--db", where)
        assert answer.code == 4, answer
        assert f"not following a link of another user in a directory that everybody can write: {first}" in answer.err
    assert (target.read_bytes() if exists else None) == content
    assert exists or not target.parent.exists()


@pytest.mark.parametrize("name", ["stdio", pytest.param("scripts", marks=pytest.mark.fault)])
def test_a_link_that_somebody_planted_is_not_followed_for_output(here, open_place, spec, name):
    (here / "elsewhere").mkdir()
    plant(open_place / name, here / "elsewhere")
    done = torc(here, "run", spec, "-j", "2", "--db", "open/torc.db", "--progress", "none")
    assert done.returncode in {1, 4}
    assert "not following a link of another user" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((here / "elsewhere").iterdir()) == []


@pytest.mark.fault
def test_ones_own_links_are_followed(here, spec):
    for name in ("disk", "disk2"):
        (here / name).mkdir()
    small_database(here / "disk" / "real.db")
    (here / "torc.db").symlink_to("disk/real.db")
    (here / "stdio").symlink_to("disk2")
    done = torc(here, "run", spec, "-j", "2", "--db", "torc.db", "--progress", "none")
    assert done.returncode == 0, done.stderr
    assert list((here / "disk2").iterdir())
    assert (here / "torc.db").is_symlink()
    done = torc(here, "doctor", "--repair", "--db", "torc.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert (here / "torc.db").is_symlink()


@pytest.mark.fault
def test_output_does_not_go_where_everybody_can_write(here, spec):
    (here / "stdio").mkdir()
    (here / "stdio").chmod(0o777)
    done = torc(here, "run", spec, "-j", "2", "--db", "torc.db", "--progress", "none")
    assert done.returncode == 4
    assert "everybody can write to stdio" in done.stderr
    assert "chmod o-w stdio" in done.stderr


@pytest.mark.parametrize(
    "kind", ["link", *(pytest.param(k, marks=pytest.mark.fault) for k in ("open", "not ours", "file"))]
)
def test_a_turnstile_that_somebody_prepared_is_not_used(here, spec, kind):
    place = here / "tmp" / f"torc-local-{os.getuid()}"
    target = here / "precious"
    if kind == "link":
        target.mkdir(mode=0o700)
        place.symlink_to(target)
    elif kind == "file":
        place.write_text("precious")
    else:
        place.mkdir()
        if kind == "open":
            place.chmod(0o777)
        elif os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
    done = torc(here, "create", spec, "--db", "torc.db")
    assert done.returncode == 0, done.stderr
    if kind == "file":
        assert place.read_text() == "precious"
    else:
        assert list(place.iterdir()) == [] or (kind == "not ours" and os.geteuid() != 0)


def test_names_never_become_paths(here):
    names = ["x" * 250, 'it\'s "quoted" $(touch pwned) `touch pwned`', "semi;colon & pipe|", "ü" * 120]
    long = "true " + "x" * LONGEST_ARGUMENT
    jobs = [{"name": name, "command": f'echo "$TORC_JOB_NAME"; {long}'} for name in names]
    (here / "w.json").write_text(json.dumps({"name": "a/../../b", "jobs": jobs}))
    (here / "tmp").mkdir()
    done = torc(here, "run", "w.json", "-j", "2", "--progress", "none")
    assert done.returncode == 0, done.stderr
    for name in names:
        assert torc(here, "logs", name).stdout == name + "\n"
    found = {path.name for path in here.rglob("*")}
    assert "pwned" not in found
    assert not [name for name in found if "xxx" in name or "quoted" in name]
    assert sorted(path.name for path in here.iterdir()) == ["tmp", "torc_output", "w.json"]


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", ".", "a\0b", "-rf", "x" * 256])
def test_names_that_could_be_taken_for_something_else_are_refused(call, here, name):
    (here / "w.json").write_text(json.dumps({"name": "w", "jobs": [{"name": name, "command": "true"}]}))
    answer = call("run", "w.json", "-j", "1")
    assert answer.code == 2
    assert sorted(path.name for path in here.iterdir()) == ["w.json"]
