"""One generation of the search: look at what the last one measured, then measure closer, or stop.

Names follow from the generation alone. If this job is killed and runs again, it spawns the same jobs, which is no harm.
"""

import os
from pathlib import Path

from torc_local import Orchestrator

POINTS = 4
CLOSE_ENOUGH = 0.01

results = Path(os.environ["TORC_OUTPUT_DIR"], "optimiser")
results.mkdir(parents=True, exist_ok=True)

me = Orchestrator.from_env()
number = me.generation
if number == 0:
    low, high = 0.0, 10.0
else:
    measured = [tuple(map(float, (results / f"{number}_{i}").read_text().split())) for i in range(POINTS)]
    best = min(measured, key=lambda point: point[1])[0]
    width = me.state["width"] / 2
    low, high = best - width / 2, best + width / 2
    print(f"generation {number}: the lowest point is near {best:.3f}")
    if width < CLOSE_ENOUGH:
        me.converge({"best": best})
        raise SystemExit

jobs = []
for i in range(POINTS):
    x = low + (high - low) * (i + 0.5) / POINTS
    program = f"x = {x!r}; print(x, (x - 3.14) ** 2 + 1)"
    path = results / f"{number + 1}_{i}"
    jobs.append({"name": f"measure_{number + 1}_{i}", "command": f"python3 -c '{program}' > '{path}'"})
then = {
    "name": f"search_{number + 1}",
    "command": "python3 workflows/optimiser/search.py",
    "depends_on": [job["name"] for job in jobs],
}
me.spawn([*jobs, then], state={"width": high - low})
