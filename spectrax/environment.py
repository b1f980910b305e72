"""Where a result was made: versions, commit, machine, threads; and how that differs from an earlier session."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spectrax.pool import usable_cores

_PACKAGES = ("spectrax-rmt", "jax", "jaxlib", "flax", "optax", "numpy", "scipy")
_BITS = ("versions", "commit", "cores", "device", "machine", "matmul_precision")


def describe() -> dict:
    """JSON-able description of this process: versions, commit (with `+` where files differ from it), cores, device."""
    import jax

    device = jax.devices()[0]
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "commit": _commit(),
        "cores": usable_cores(),
        "device": f"{device.platform}:{device.device_kind}",
        "devices": jax.device_count(),
        "machine": _processor(),
        "matmul_precision": str(getattr(jax.config, "jax_default_matmul_precision", None)),
    }


def differences(before: dict, now: dict) -> list[str]:
    """What changed between two sessions that may change bits, one phrase each."""
    return [f"{key} was {before[key]}, is {now[key]}" for key in _BITS if key in before and before[key] != now.get(key)]


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{platform.machine()} {name}".strip()


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit():
    here = Path(__file__).resolve().parent
    try:

        def git(*words):
            return subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=5, check=True
            ).stdout

        return git("rev-parse", "HEAD").strip() + (
            "+" if git("status", "--porcelain", "--untracked-files=no", ".").strip() else ""
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
