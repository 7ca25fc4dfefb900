"""The GPUs of this node that we may give to jobs, and how a job is told which are its own.

A scheduler, or a person, says with a variable which GPUs we may use; then the list is respected, and each job gets its
part of it in the same variable, by the same names: numbers, UUIDs or names of MIG slices. CUDA_VISIBLE_DEVICES is
NVIDIA's, which AMD's HIP reads too; HIP_VISIBLE_DEVICES is HIP's own; ROCR_VISIBLE_DEVICES hides GPUs one layer below
HIP, whose numbers then begin at 0 again. So numbers must never be written into the last one and one of the others
together, unless whoever started us did so.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.errors import InputError

CUDA, HIP, ROCR = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"
_VARIABLES = (CUDA, HIP, ROCR)

#: What is set for jobs when nothing was set for us: the same layer by both of its names.
_USUAL = (CUDA, HIP)

#: Words with which schedulers say that there is none.
_NONE = frozenset({"none", "void", "nodevfiles"})

#: A number, a UUID (GPU-8932f937-...), a MIG slice (MIG-..., MIG-GPU-.../1/0).
NAME = re.compile(r"[0-9]{1,5}|[A-Za-z][A-Za-z0-9_.:/-]{2,127}", re.ASCII)


class Devices(NamedTuple):
    """GPUs by the names that jobs get, and the variables in which they get them."""

    names: tuple[str, ...]
    variables: tuple[str, ...]


def devices(asked: int | tuple[str, ...] | None, environment: Mapping[str, str]) -> Devices:
    """What may be used: of what ``environment`` allows, or else of what is found, so many or these.

    Raises InputError when more is asked for than the environment allows. More than is found is taken as it is said.
    """
    variable = next((name for name in _VARIABLES if name in environment), None)
    if variable is None:
        if asked is None:
            asked = _count()
        names = tuple(map(str, range(asked))) if isinstance(asked, int) else asked
        return Devices(names, _USUAL)
    said = environment[variable]
    names = _listed(said)
    variables = (variable, *(name for name in _VARIABLES if name != variable and environment.get(name) == said))
    if isinstance(asked, int):
        if asked > len(names):
            raise InputError(
                f"--gpus: {asked} of the {len(names)} in {variable}={said}", hint=f"ask for less, or unset {variable}"
            )
        names = names[:asked]
    elif asked is not None:
        if missing := [name for name in asked if name not in names]:
            raise InputError(
                f"--gpus: {', '.join(missing)} not in {variable}={said}", hint=f"choose from it, or unset {variable}"
            )
        names = asked
    return Devices(names, variables)


def _listed(said: str) -> tuple[str, ...]:
    """The names in a list. It ends at the first negative number (CUDA); a name that is repeated counts once."""
    found: dict[str, None] = {}
    for word in (part.strip() for part in said.split(",")):
        if word.startswith("-") or word.lower() in _NONE:
            break
        if word:
            found[word] = None
    return tuple(found)


def _count() -> int:
    """How many GPUs this node has."""
    return _with_nvml() or _nvidia() or _amd()


def _with_nvml() -> int:
    try:
        import pynvml  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - nvidia-ml-py

        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # noqa: BLE001 - not installed, no driver, no permission: all the same
        return 0


def _nvidia() -> int:
    with suppress(OSError):
        return len(os.listdir("/proc/driver/nvidia/gpus"))  # noqa: PTH208 - only the count matters
    return 0


def _amd() -> int:
    """Nodes of the compute driver (KFD) that have SIMD units: the others are processors."""
    found = 0
    for properties in Path("/sys/class/kfd/kfd/topology/nodes").glob("*/properties"):
        with suppress(OSError):
            words = properties.read_text("ascii", "replace").split()
            found += words[words.index("simd_count") + 1] != "0" if "simd_count" in words[:-1] else 0
    return found
