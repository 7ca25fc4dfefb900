"""Programs that use a known amount of memory and processors, and say so."""

import shlex
import sys

MB = 1 << 20

# Memory is touched page by page, and held for ``seconds``, or three times as long as it took to get it: so long as
# Python needs on a busy machine must not count. As the last thing each program writes what is true of it.
_PROGRAM = """
import json, mmap, os, time
began, sizes = time.monotonic(), dict(line.split(":") for line in open("/proc/self/status") if ":" in line)
python = [int(sizes[key].split()[0]) * 1024 for key in ("RssAnon", "VmHWM")]
held, seconds, processes, written = [], {seconds}, 1, 0
def use(size):
    held.append(area := mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    for _ in range(size >> 16): area.write(b"x" * (1 << 16))
def hold(): time.sleep(max(seconds, 3 * (time.monotonic() - began)))
def burn():
    until = time.process_time() + seconds
    while time.process_time() < until: pass
def tree(generations, size):
    pid = os.fork() if generations > 1 else None
    if pid == 0:
        tree(generations - 1, size)
        hold()
        os._exit(0)
    use(size)
def sharing(count):
    for _ in range(count):
        if os.fork() == 0:
            hold()
            os._exit(0)
def write(count):
    global written
    with open("/dev/null", "wb", 0) as file: written += sum(file.write(bytes(10_000)) for _ in range(count))
def wait():
    while True:
        try: os.wait()
        except ChildProcessError: return
{does}
wait()
touched = sum(map(len, held))
with open("{name}.json", "w") as file:
    cpu_s = time.process_time() + sum(os.times()[2:4])
    json.dump(dict(touched=touched, processes=processes, python=python, cpu_s=cpu_s, written=written), file)
os._exit(0)
"""


def command(name: str, does: str, seconds: float) -> str:
    """A command that does something, in the words of the program above, and leaves what is true in ``name``.json."""
    program = _PROGRAM.format(does=does, name=name, seconds=seconds)
    return f"exec {shlex.quote(sys.executable)} -I -S -c {shlex.quote(program)}"
