"""What GPUs are used for, through NVIDIA's library (extra ``gpu``: nvidia-ml-py), where there is one.

Nothing is imported on a node without an NVIDIA driver. What the driver does not tell is not measured, whatever the
reason: no permission, a GPU that is cut into slices, processes of another namespace (their pids are not ours).
"""

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Self

#: Where the driver lists its GPUs.
_DRIVER = Path("/proc/driver/nvidia/gpus")


class GpuReading(NamedTuple):
    """One look at one GPU."""

    uuid: str
    percent: float | None
    memory_bytes: int | None


class GpuMeter:
    """Asks the driver."""

    def __init__(self, library: ModuleType) -> None:
        self._library: Any = library
        self._handles: list[tuple[str, Any]] = []
        for index in range(int(self._library.nvmlDeviceGetCount())):
            handle = self._library.nvmlDeviceGetHandleByIndex(index)
            uuid = self._library.nvmlDeviceGetUUID(handle)
            self._handles.append((uuid.decode() if isinstance(uuid, bytes) else str(uuid), handle))

    @classmethod
    def open(cls) -> Self | None:
        """One for this node; None where there is no GPU, or no library."""
        try:
            if not any(_DRIVER.iterdir()):
                return None
            import pynvml  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - as above

            pynvml.nvmlInit()
            return cls(pynvml)
        except Exception:  # noqa: BLE001 - not installed, no driver, another version: all the same
            return None

    def look(self) -> tuple[list[GpuReading], dict[int, int]]:
        """Every GPU, and the bytes that each process uses on all of them together, by pid."""
        readings = []
        by_pid: dict[int, int] = {}
        for uuid, handle in self._handles:
            used = self._ask("nvmlDeviceGetUtilizationRates", handle)
            memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
            readings.append(
                GpuReading(
                    uuid, None if used is None else float(used.gpu), None if memory is None else int(memory.used)
                )
            )
            for one in self._ask("nvmlDeviceGetComputeRunningProcesses", handle) or ():
                if one.usedGpuMemory is not None:
                    by_pid[one.pid] = by_pid.get(one.pid, 0) + int(one.usedGpuMemory)
        return readings, by_pid

    def _ask(self, what: str, handle: object) -> Any:  # noqa: ANN401 - the library has no types
        try:
            return getattr(self._library, what)(handle)
        except Exception:  # noqa: BLE001 - NVMLError, which is the library's: not supported, not allowed, lost
            return None
