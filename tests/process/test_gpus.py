"""Which GPUs may be used, by which names, and in which variables jobs get them."""

import sys
import types

import pytest

from torc_local.ground.errors import InputError
from torc_local.process import gpus
from torc_local.process.gpus import CUDA, HIP, ROCR, Devices, devices

UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
MIG = "MIG-GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f/1/0"


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (2, {}, Devices(("0", "1"), (CUDA, HIP))),
        (("4", UUID), {}, Devices(("4", UUID), (CUDA, HIP))),
        (None, {CUDA: "0,2, 5"}, Devices(("0", "2", "5"), (CUDA,))),
        (None, {CUDA: ""}, Devices((), (CUDA,))),
        (None, {CUDA: "-1"}, Devices((), (CUDA,))),
        (None, {CUDA: "3,-1,4"}, Devices(("3",), (CUDA,))),
        (None, {CUDA: "NoDevFiles"}, Devices((), (CUDA,))),
        (None, {CUDA: "1,1,2,"}, Devices(("1", "2"), (CUDA,))),
        (None, {CUDA: f"{UUID},{MIG}"}, Devices((UUID, MIG), (CUDA,))),
        (None, {HIP: "1", ROCR: "1"}, Devices(("1",), (HIP, ROCR))),
        (None, {HIP: "0", ROCR: "4"}, Devices(("0",), (HIP,))),
        (None, {ROCR: "4"}, Devices(("4",), (ROCR,))),
        (1, {CUDA: "6,7"}, Devices(("6",), (CUDA,))),
        (("7",), {CUDA: "6,7"}, Devices(("7",), (CUDA,))),
        (0, {CUDA: "6,7"}, Devices((), (CUDA,))),
    ],
)
def test_a_list_that_was_set_is_respected(asked, environment, expected):
    assert devices(asked, environment) == expected


@pytest.mark.parametrize("asked", [3, ("6", "8")])
def test_what_the_list_does_not_have_is_refused(asked):
    with pytest.raises(InputError, match=CUDA):
        devices(asked, {CUDA: "6,7"})


def test_without_a_list_they_are_counted(monkeypatch):
    def broken():
        raise RuntimeError

    monkeypatch.setattr(gpus, "_nvidia", lambda: 0)
    monkeypatch.setattr(gpus, "_amd", lambda: 0)
    driver = types.SimpleNamespace(nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 3, nvmlShutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert devices(None, {}).names == ("0", "1", "2")
    driver.nvmlInit = broken
    assert devices(None, {}).names == ()
    monkeypatch.setattr(gpus, "_amd", lambda: 1)
    assert devices(None, {}).names == ("0",)
