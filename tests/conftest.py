"""Settings that must stand before jax, NumPy and matplotlib are imported: one thread a worker, no window, own cache."""

import atexit
import os
import shutil
import tempfile

# two workers on two cores: more threads would only fight, and thread counts change the last bits. NPROC is what sizes
# XLA's pool on the CPU; the flag alone leaves it at one thread per core
os.environ["NPROC"] = "1"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("JAX_PLATFORMS", "cpu")     # what is equal to the last bit is so on one kind of device

if "PYTEST_XDIST_WORKER" not in os.environ:
    # workers inherit the folder of the controlling process, so that a null is sampled once per session
    _cache = tempfile.mkdtemp(prefix="spectrax-tests-")
    os.environ["XDG_CACHE_HOME"] = _cache
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
