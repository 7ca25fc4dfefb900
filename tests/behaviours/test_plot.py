"""Curves of a real run: samples that are kept because somebody asked for them."""

import json

import pytest

pytestmark = pytest.mark.behaviour


def test_a_run_that_keeps_samples_is_plotted(place):
    grows = "python3 -c 'import time\nx = bytearray(b\"x\") * (60 << 20)\ntime.sleep(2)'"
    place.write({"name": "w", "jobs": [{"name": "grows", "command": grows}, {"name": "a", "command": "sleep 1"}]})
    place.run("--time-series", "--sample-interval", "0.2")
    lines = place.call("plot").out.splitlines()
    assert [line.split("   ")[0] for line in lines if "sample" in line][2:] == ["grows (1)", "a (2)"]
    rows = place.call("plot", "grows", "-f", "json").json["items"]
    assert max(row["memory_bytes"] for row in rows) > 60 << 20
    assert place.call("plot", "-o", "x.html").code == 0
    assert place.text("x.html").count("<svg") == 8


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        (None, "only peaks and averages"),
        ({"enabled": False}, "'resource_monitor' is not enabled"),
        ({"enabled": True, "granularity": "time_series"}, "there are no samples of workflow 1"),
    ],
)
def test_a_run_without_samples_says_why(place, monitor, said):
    more = {} if monitor is None else {"resource_monitor": monitor}
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}], **more})
    place.run()
    answer = place.call("plot")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    both = place.call("run", "1", "--time-series", "--no-resource-monitoring")
    assert (both.code, "needs what --no-resource-monitoring switches off" in both.err) == (2, True)


def test_a_run_with_another_output_directory_is_found(place):
    monitor = {"enabled": True, "granularity": "time_series", "sample_interval": 0.1}
    place.write({"name": "w", "resource_monitor": monitor, "jobs": [{"name": "a", "command": "sleep 0.7"}]})
    place.run("-o", "elsewhere", "--db", "x.db")
    rows = json.loads(place.call("plot", "x.db", "-f", "json").out)["items"]
    assert {row["job_name"] for row in rows} == {"a"}


GPU_LIBRARY = """
import pathlib, types
nvmlInit = lambda: None
nvmlDeviceGetCount = lambda: 1
nvmlShutdown = lambda: None
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetUUID = lambda handle: "GPU-1234"
nvmlDeviceGetUtilizationRates = lambda handle: types.SimpleNamespace(gpu=50)
nvmlDeviceGetMemoryInfo = lambda handle: types.SimpleNamespace(used=3 << 30)
def nvmlDeviceGetComputeRunningProcesses(handle):
    text = pathlib.Path("pid").read_text() if pathlib.Path("pid").exists() else ""
    return [types.SimpleNamespace(pid=int(text), usedGpuMemory=2 << 30)] if text else []
"""

WITH_GPU = """
import pathlib, sys
sys.path.insert(0, "library")
from torc_local.process import gpu_usage
gpu_usage._DRIVER = pathlib.Path("library")
from torc_local.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_gpus_are_measured_where_there_are_any(place):
    """With a library that stands in for NVIDIA's, and says what a job says of itself."""
    (place.root / "library").mkdir()
    (place.root / "library" / "pynvml.py").write_text(GPU_LIBRARY)
    place.write({"name": "w", "jobs": [{"name": "a", "command": "echo $$ > pid; sleep 1.5; true"}]})
    words = ("run", "w.yaml", "-j", "1", "--time-series", "--sample-interval", "0.2", "--progress", "none")
    assert place.call(*words, program=WITH_GPU).code == 0
    assert place.rows("SELECT peak_gpu_memory_bytes FROM v_attempt_usage") == [(2 << 30,)]
    rows = [row for row in place.call("plot", "-f", "json").json["items"] if row["kind"] == "gpu"]
    assert {(row["gpu"], row["gpu_percent"], row["memory_bytes"]) for row in rows} == {("GPU-1234", 50.0, 3 << 30)}
    assert "GPU-1234 on " in place.call("plot").out
