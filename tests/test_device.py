from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vqa_cli import device as module
from vqa_cli.config import DeviceSettings
from vqa_cli.device import Device, apply_threads, choose_device, free_memory, usable_cpus
from vqa_cli.errors import DeviceError, SettingsError

LAUNCHER = ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "OMP_NUM_THREADS", "ACCELERATE_USE_CPU")


@pytest.fixture(autouse=True)
def plain_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No GPU, no launcher, no container, 8 CPUs: each test adds what it is about."""
    for name in LAUNCHER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def pretend_gpus(
    monkeypatch: pytest.MonkeyPatch, count: int = 1, capability: tuple[int, int] = (9, 0)
) -> list[str]:
    """Pretend to have GPUs; gives the list of those that were computed on."""
    used: list[str] = []

    def zeros(size: int, device: str) -> torch.Tensor:
        used.append(device)
        return torch.ones(size)

    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Pretend GPU {index}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    monkeypatch.setattr(torch, "zeros", zeros)
    return used


def cpu_with(tmp_path: Path, *flags: str) -> None:
    (tmp_path / "proc").mkdir(exist_ok=True)
    text = f"processor\t: 0\nflags\t\t: fpu sse2 {' '.join(flags)}\n"
    (tmp_path / "proc/cpuinfo").write_text(text)


def test_auto_without_a_gpu() -> None:
    device = choose_device(DeviceSettings())
    assert (device.type, device.name, device.precision) == ("cpu", "cpu", "float32")
    assert device.threads == 8
    line = device.describe()
    assert line.startswith("device: cpu, float32, 8 CPU threads (no GPU: torch")
    assert "\n" not in line


def test_auto_takes_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used = pretend_gpus(monkeypatch)
    device = choose_device(DeviceSettings())
    assert (device.type, device.name, device.precision) == ("cuda", "cuda:0", "bfloat16")
    assert used == ["cuda:0"]
    assert "Pretend GPU 0" in device.describe()


def test_cpu_when_asked_for_in_spite_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used = pretend_gpus(monkeypatch)
    device = choose_device(DeviceSettings(device="cpu"))
    assert (device.type, device.precision) == ("cpu", "float32")
    assert "as asked for" in device.describe()
    assert used == []


def test_cuda_without_a_gpu() -> None:
    with pytest.raises(DeviceError, match=r"--device cuda: torch \S+ .*; or use --device cpu") as e:
        choose_device(DeviceSettings(device="cuda"))
    assert torch.__version__ in str(e.value)
    assert "\n" not in str(e.value)


def test_cuda_with_a_torch_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(DeviceError, match=r"built without CUDA; install .*pytorch\.org"):
        choose_device(DeviceSettings(device="cuda"))
    assert "built without CUDA" in choose_device(DeviceSettings()).reason


def test_an_old_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_available() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver\nis too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    with pytest.raises(DeviceError, match="The NVIDIA driver is too old"):
        choose_device(DeviceSettings(device="cuda"))
    assert choose_device(DeviceSettings()).type == "cpu"


def test_a_gpu_that_cannot_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch)

    def zeros(size: int, device: str) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available\nmore of it")

    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(DeviceError, match=r"cannot compute on Pretend GPU 0 .*no kernel image"):
        choose_device(DeviceSettings(device="cuda"))
    device = choose_device(DeviceSettings())
    assert device.type == "cpu"
    assert "no kernel image" in device.reason


def test_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match="--device mps: this machine"):
        choose_device(DeviceSettings(device="mps"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for wanted in ("auto", "mps"):
        device = choose_device(DeviceSettings(device=wanted))
        assert (device.type, device.name, device.precision) == ("mps", "mps", "float32")


def test_each_process_of_a_launch_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used = pretend_gpus(monkeypatch, count=2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    device = choose_device(DeviceSettings())
    assert (device.name, device.threads) == ("cuda:1", 4)
    assert used == ["cuda:1"]
    assert "shared by 2 processes" in device.reason


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    pretend_gpus(monkeypatch, count=2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(DeviceError, match=r"process 2 of this launch has no GPU of its own.* 2;"):
        choose_device(DeviceSettings(device=wanted))


def test_a_launcher_can_forbid_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert choose_device(DeviceSettings()).type == "cpu"
    assert choose_device(DeviceSettings(device="cuda")).type == "cuda"


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_bfloat16_on_gpus_that_have_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    pretend_gpus(monkeypatch, capability=capability)
    assert choose_device(DeviceSettings()).precision == precision
    assert choose_device(DeviceSettings(precision="float32")).precision == "float32"
    emulated = choose_device(DeviceSettings(precision="bfloat16"))
    assert emulated.precision == "bfloat16"
    assert ("emulated" in emulated.reason) == (capability < (8, 0))


@pytest.mark.parametrize(
    ("flag", "emulated"), [("avx512_bf16", False), ("bf16", False), ("avx512f", True)]
)
def test_bfloat16_on_a_cpu_only_when_asked_for(tmp_path: Path, flag: str, emulated: bool) -> None:
    cpu_with(tmp_path, flag)
    assert choose_device(DeviceSettings()).precision == "float32"
    device = choose_device(DeviceSettings(precision="bfloat16"))
    assert device.precision == "bfloat16"
    assert ("emulated here, and slow" in device.describe()) == emulated


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device(DeviceSettings(threads=3)).threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    device = choose_device(DeviceSettings())
    assert device.threads == 2
    assert "OMP_NUM_THREADS" in device.reason
    assert choose_device(DeviceSettings(threads=5)).threads == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert choose_device(DeviceSettings()).threads == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert choose_device(DeviceSettings()).threads == 8


def test_a_launchers_omp_num_threads_is_no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert choose_device(DeviceSettings()).threads == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "100")
    assert choose_device(DeviceSettings()).threads == 1


def test_one_thread_is_one_thread() -> None:
    assert "1 CPU thread (x)" in Device("cpu", "float32", 1, "x").describe()


def test_threads_are_applied() -> None:
    before = torch.get_num_threads()
    try:
        apply_threads(Device("cpu", "float32", before + 1, ""))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 6})
    assert usable_cpus() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cpus() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus() == 1


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_quota_of_cgroup_v2(tmp_path: Path, quota: str, cpus: int) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", quota + "\n")
    assert usable_cpus() == cpus


def test_the_smallest_quota_of_nested_cgroups_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/kubepods/pod7/box\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/cpu.max", "max 100000\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/pod7/cpu.max", "300000 100000\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/pod7/box/cpu.max", "500000 100000\n")
    assert usable_cpus() == 3


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("folder", ["", "/docker/abc"])
def test_quota_of_cgroup_v1(tmp_path: Path, mount: str, folder: str) -> None:
    # Inside a container the path is the host's, and the quota lies at the mount itself.
    write(tmp_path, "proc/self/cgroup", f"4:memory:/\n3:{mount}:/docker/abc\n0::/\n")
    write(tmp_path, f"sys/fs/cgroup/{mount}{folder}/cpu.cfs_quota_us", "400000\n")
    write(tmp_path, f"sys/fs/cgroup/{mount}{folder}/cpu.cfs_period_us", "100000\n")
    assert usable_cpus() == 4
    write(tmp_path, f"sys/fs/cgroup/{mount}{folder}/cpu.cfs_quota_us", "-1\n")
    assert usable_cpus() == 8


def test_settings_are_checked() -> None:
    with pytest.raises(SettingsError, match="--device must be one of"):
        DeviceSettings(device="tpu")


def test_counting_cpus_does_not_import_torch() -> None:
    program = (
        "import sys; from vqa_cli.device import usable_cpus; assert usable_cpus() >= 1;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has 8000 bytes free."""
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8000))


@pytest.mark.usefixtures("a_machine")
def test_free_memory_is_the_machines_where_no_container_limits_it(tmp_path: Path) -> None:
    assert free_memory() == 8000
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    write(tmp_path, "sys/fs/cgroup/memory.current", "500\n")
    assert free_memory() == 8000


@pytest.mark.usefixtures("a_machine")
def test_free_memory_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/pod/box\n")
    write(tmp_path, "sys/fs/cgroup/pod/memory.max", "3000\n")
    write(tmp_path, "sys/fs/cgroup/pod/memory.current", "1000\n")
    write(tmp_path, "sys/fs/cgroup/pod/box/memory.max", "9000\n")
    write(tmp_path, "sys/fs/cgroup/pod/box/memory.current", "1000\n")
    assert free_memory() == 2000
    write(tmp_path, "sys/fs/cgroup/pod/memory.stat", "anon 600\ninactive_file 400\n")
    assert free_memory() == 2400  # files that the system would forget
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert free_memory() == 1200


@pytest.mark.usefixtures("a_machine")
def test_free_memory_of_a_container_of_cgroup_v1(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "4:memory:/docker/abc\n3:cpu:/docker/abc\n0::/\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n")
    assert free_memory() == 0
    write(tmp_path, "sys/fs/cgroup/memory/memory.stat", "total_inactive_file 1500\n")
    assert free_memory() == 500
