"""GPUs, as a library tells that stands in for NVIDIA's."""

import os
import sys
import types
from importlib.abc import MetaPathFinder

import pytest

from torc_local.ground import clock
from torc_local.process import gpu_usage, trees
from torc_local.process.gpu_usage import GpuMeter, GpuReading
from torc_local.process.measuring import Tally

GB = 1 << 30


def library(**more):
    """Two GPUs, one of which tells little."""

    def used(handle):
        if handle:
            raise RuntimeError("NVML: not supported")
        return types.SimpleNamespace(gpu=75, memory=10)

    def processes(handle):
        one = types.SimpleNamespace
        return [one(pid=7, usedGpuMemory=(1 + handle) * GB), one(pid=8, usedGpuMemory=None)]

    return types.SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda handle: b"GPU-0" if handle == 0 else "GPU-1",
        nvmlDeviceGetUtilizationRates=used,
        nvmlDeviceGetMemoryInfo=lambda handle: types.SimpleNamespace(used=4 * GB, total=8 * GB),
        nvmlDeviceGetComputeRunningProcesses=processes,
        **more,
    )


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A node with two GPUs."""
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setattr(gpu_usage, "_DRIVER", tmp_path)
    return monkeypatch


def test_every_gpu_and_the_memory_of_each_process_on_all_of_them(driver):
    driver.setitem(sys.modules, "pynvml", library())
    meter = GpuMeter.open()
    assert meter is not None
    readings, by_pid = meter.look()
    assert readings == [GpuReading("GPU-0", 75.0, 4 * GB), GpuReading("GPU-1", None, 4 * GB)]
    assert by_pid == {7: 3 * GB}


class NotAsked(MetaPathFinder):
    """Fails when the library is looked for."""

    def find_spec(self, name, path=None, target=None):
        assert name != "pynvml"


def test_without_a_gpu_nothing_is_imported(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NotAsked(), *sys.meta_path])
    for place in (tmp_path / "absent", tmp_path):
        monkeypatch.setattr(gpu_usage, "_DRIVER", place)
        assert GpuMeter.open() is None


def test_a_driver_that_does_not_answer_is_no_gpu(driver):
    def broken():
        raise RuntimeError("NVML: driver not loaded")

    driver.setitem(sys.modules, "pynvml", None)
    assert GpuMeter.open() is None, "not installed"
    found = library()
    found.nvmlInit = broken
    driver.setitem(sys.modules, "pynvml", found)
    assert GpuMeter.open() is None


def test_memory_of_a_job_on_gpus_is_that_of_its_processes():
    process = trees.Process(parent=1, group=1, start=1, resident_bytes=5)
    tally = Tally(1, 1, "j", clock.monotonic() - 1)
    ours, table = [1 << 30, 1 << 31], {1 << 30: process, 1 << 31: process}
    assert tally.see(clock.monotonic(), table, ours, {1: 9}).gpu_memory_bytes is None
    assert tally.usage(1).peak_gpu_memory_bytes is None
    assert tally.see(clock.monotonic(), table, ours, {1 << 30: 5, 1 << 31: 6, os.getpid(): 7}).gpu_memory_bytes == 11
    assert tally.see(clock.monotonic(), table, ours, {1 << 30: 5}).gpu_memory_bytes == 5
    assert tally.usage(1).peak_gpu_memory_bytes == 11
