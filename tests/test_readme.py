"""The README is executed: every Python block, in order, in one empty folder; its experiment by the command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(), flags=re.S)


@pytest.mark.slow
def test_python_blocks_run_one_after_the_other(tmp_path):
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"block_{number}.py").write_text(block)
    order = "\n".join(f"import block_{n}" for n in range(len(BLOCKS)))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", order]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "results" / "mine" / "study.json").is_file()


@pytest.mark.slow
def test_experiment_block_runs_with_the_optimizer_and_model_blocks(tmp_path):
    experiment = next(b for b in BLOCKS if "def plan" in b)
    (tmp_path / "my_experiment.py").write_text(experiment)
    (tmp_path / "my_file.py").write_text(next(b for b in BLOCKS if "def sign_descent" in b))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for words in (["run", "my_experiment.py", "--quiet"],
                  ["run", "learning_rate_study", "--smoke", "--quiet", "--optimizers", "gd", "my_file:sign_descent",
                   "--model", "my_file:Mine", "--no-figures"]):
        command = [sys.executable, "-m", "experiments", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.glob("results/my_experiment/*/figures/largest.png"))
    assert len(list(tmp_path.glob("results/*/*/study.json"))) == 2


def test_first_screen_holds_the_two_commands_that_ci_runs():
    script = (HOME / ".ci" / "run").read_text()
    commands = re.findall(r"^python3 -m venv .*$", (HOME / "README.md").read_text(), flags=re.M)
    assert len(commands) == 2
    assert commands[1] in script
