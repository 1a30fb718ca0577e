"""The device manager: where to compute, how precisely, on how many threads, and why."""

from __future__ import annotations

import os
import platform
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vqa_cli.config import DeviceSettings
from vqa_cli.errors import DeviceError
from vqa_cli.memory import keep_freed_memory

DeviceType = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]

ROOT = Path("/")
"""Where /proc and /sys are looked for."""

NATIVE_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What /proc/cpuinfo calls it: x86's vectors, x86's matrix units, ARM."""

_GET_TORCH = "https://pytorch.org/get-started/locally"


@dataclass(frozen=True)
class Device:
    """Where this process computes.

    precision: `bfloat16` means autocast, the weights stay float32. threads: of the CPU, for this
    process. index: which of the machine's GPUs. reason: why all this, for people.
    """

    type: DeviceType
    precision: Precision
    threads: int
    reason: str
    index: int | None = None

    @property
    def name(self) -> str:
        """What torch calls it: `cpu`, `cuda:1`."""
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def describe(self) -> str:
        """One line for stderr: what was chosen, and why."""
        threads = f"{self.threads} CPU thread{'' if self.threads == 1 else 's'}"
        return f"device: {self.name}, {self.precision}, {threads} ({self.reason})"


def choose_device(settings: DeviceSettings) -> Device:
    """Choose device, precision and threads; a device that the user names is never replaced.

    `auto` prefers CUDA, then MPS, then the CPU. Under a distributed launch each process takes
    the GPU of its local rank and its share of the CPUs. Raises DeviceError where the named
    device cannot be used.
    """
    kind, why = _choose_type(settings.device)
    index = _local_rank() if kind == "cuda" else None
    precision, why_precision = _choose_precision(kind, index, settings.precision)
    threads, why_threads = _choose_threads(settings.threads)
    reasons = [reason for reason in (why, why_precision, why_threads) if reason]
    return Device(kind, precision, threads, "; ".join(reasons), index)


def apply_threads(device: Device) -> None:
    """Give torch's operators `device.threads` CPU threads, and on a CPU memory that stays."""
    import torch

    torch.set_num_threads(device.threads)
    if device.type == "cpu":
        keep_freed_memory()


def _choose_type(wanted: str) -> tuple[DeviceType, str]:
    if wanted == "cpu":
        return "cpu", "as asked for"
    if wanted == "auto" and os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1"):
        return "cpu", "as the launcher says"
    if wanted in ("auto", "cuda"):
        gpu, missing = _find_cuda()
        if not missing:
            return "cuda", gpu
        if wanted == "cuda":
            raise DeviceError(f"--device cuda: {missing}; or use --device cpu")
    if _has_mps():
        return "mps", "Apple's GPU"
    if wanted == "mps":
        raise DeviceError(
            f"--device mps: this machine ({platform.system()} {platform.machine()}) has no Apple "
            "GPU that torch can use; use --device cpu"
        )
    return "cpu", f"no GPU: {missing.split(';')[0]}"


def _find_cuda() -> tuple[str, str]:
    """The GPU's name, or "" and what is missing and what to do about it."""
    import torch

    build = f"torch {torch.__version__}"
    if not torch.version.cuda and not torch.version.hip:
        return "", f"{build} is built without CUDA; install a build with it: {_GET_TORCH}"
    with warnings.catch_warnings(record=True) as said:  # an old driver is told as a warning
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        detail = f" ({' '.join(str(said[0].message).split())[:200]})" if said else ""
        return "", (
            f"{build} finds no usable NVIDIA GPU{detail}; check that nvidia-smi lists one and "
            f"that its driver is recent enough, else install another build: {_GET_TORCH}"
        )
    rank, count = _local_rank(), torch.cuda.device_count()
    if rank >= count:
        raise DeviceError(
            f"process {rank} of this launch has no GPU of its own, the machine shows {count}; "
            f"launch at most {count} processes, or use --device cpu"
        )
    try:
        # Only computing shows that the build has code for this GPU and that it is free.
        (torch.zeros(1, device=f"cuda:{rank}") + 1).item()
    except RuntimeError as error:
        return "", (
            f"{build} cannot compute on {torch.cuda.get_device_name(rank)} "
            f"({str(error).splitlines()[0]}); free it, or install another build: {_GET_TORCH}"
        )
    return torch.cuda.get_device_name(rank), ""


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()


def _choose_precision(kind: DeviceType, index: int | None, wanted: str) -> tuple[Precision, str]:
    if wanted == "float32":
        return "float32", ""
    native = _has_native_bfloat16(kind, index)
    if wanted == "bfloat16":
        # Not an error: a run that was trained in bfloat16 must be resumable anywhere.
        return "bfloat16", "" if native else "bfloat16 is emulated here, and slow"
    if kind == "cuda" and native:
        return "bfloat16", ""
    # CPUs too: measured on one with AVX-512 bfloat16, autocast was slower (docs/performance.md).
    return "float32", ""


def _has_native_bfloat16(kind: DeviceType, index: int | None) -> bool:
    import torch

    if kind == "cuda":
        return torch.version.hip is not None or torch.cuda.get_device_capability(index) >= (8, 0)
    return kind == "mps" or not NATIVE_BFLOAT16.isdisjoint(_cpu_flags())


def _cpu_flags() -> set[str]:
    for line in _read("proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return set(value.split())
    return set()


def _choose_threads(wanted: int | None) -> tuple[int, str]:
    if wanted is not None:
        return wanted, ""
    processes = _from_environment("LOCAL_WORLD_SIZE", 1)
    threads = max(1, usable_cpus() // max(1, processes))
    if processes > 1:
        return threads, f"CPUs shared by {processes} processes"
    # torchrun and accelerate set OMP_NUM_THREADS to 1 by themselves; then it is no one's wish.
    launched = "LOCAL_RANK" in os.environ or "ACCELERATE_USE_CPU" in os.environ
    limit = _from_environment("OMP_NUM_THREADS", 0)
    if 0 < limit < threads and not launched:
        return limit, "threads by OMP_NUM_THREADS"
    return threads, ""


def _local_rank() -> int:
    return _from_environment("LOCAL_RANK", 0)


def _from_environment(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default


def usable_cpus() -> int:
    """How many CPUs this process may use: affinity and container quotas (cgroup v1 and v2)."""
    has_affinity = hasattr(os, "sched_getaffinity")  # not on macOS
    cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = _cgroup_quota()
    # Rounded down: one thread more than the quota pays for makes all wait at each barrier.
    return cpus if quota is None else max(1, min(cpus, int(quota)))


def _cgroup_quota() -> float | None:
    """The smallest CPU quota of this process's cgroup and those above it."""
    quotas = []
    for line in _read("proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0":
            quotas += [_quota_v2(folder) for folder in _with_parents("sys/fs/cgroup", path)]
        elif "cpu" in controllers.split(","):
            mounts = (f"sys/fs/cgroup/{controllers}", "sys/fs/cgroup/cpu")
            folders = [folder for mount in mounts for folder in _with_parents(mount, path)]
            quotas += [_quota_v1(folder) for folder in folders]
    return min((quota for quota in quotas if quota is not None), default=None)


def _with_parents(mount: str, path: str) -> list[str]:
    # In a container the path may be the host's, and absent here; the mount itself then counts.
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]


def free_memory() -> int:
    """How many bytes this process may still take: of the machine, and of its container.

    What the system would give up at once, as files it remembers, counts as free. Processes that
    were launched together share it.
    """
    import psutil

    free = [int(psutil.virtual_memory().available)]
    for line in _read("proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0":
            names = ("memory.max", "memory.current", "inactive_file")
            free += _unused("sys/fs/cgroup", path, names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            free += _unused("sys/fs/cgroup/memory", path, names)
    return max(0, min(free)) // max(1, _from_environment("LOCAL_WORLD_SIZE", 1))


def _unused(mount: str, path: str, names: tuple[str, str, str]) -> list[int]:
    """What is left to a cgroup and to those above it, in bytes; none where there is no limit."""
    unused = []
    for folder in _with_parents(mount, path):
        limit, used = (_read(f"{folder}/{name}").strip() for name in names[:2])
        given_up = re.search(rf"^{names[2]} (\d+)$", _read(f"{folder}/memory.stat"), re.M)
        if limit.isdecimal() and used.isdecimal():
            unused.append(int(limit) - int(used) + (int(given_up[1]) if given_up else 0))
    return unused


def _quota_v2(folder: str) -> float | None:
    match _read(f"{folder}/cpu.max").split():
        case [quota, period] if quota.isdecimal() and period.isdecimal():
            return int(quota) / int(period)
    return None


def _quota_v1(folder: str) -> float | None:
    quota, period = (_read(f"{folder}/cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _read(path: str) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # not every system has these files
