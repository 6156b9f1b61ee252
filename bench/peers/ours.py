"""Our side: the bench program as a process of its own, which checks its results against the plain C reference."""
import json
import os
import subprocess
from pathlib import Path
from typing import Dict

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BB_PROGRAM", ROOT / "build" / "bitbayes"))


class Failed(Exception):
    """The program failed, or a row of it was not timed."""


def bench(*words: str) -> Dict[str, dict]:
    """Run `bitbayes bench` and return its rows by name; the device is pinned as the peers are."""
    command = [str(PROGRAM), "bench", *words, "--energy", "off", "--json", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    document = json.loads(done.stdout)
    for row in document["rows"]:
        if row["status"] not in ("ok", "noisy"):
            raise Failed(f"{row['name']}: {row['status']}: {row['reason']}")
    bench.context = document["context"]
    return {row["name"]: row for row in document["rows"]}


def verify(model: Path) -> str:
    """Compare the program with the logits recorded beside a model; return what is wrong, or nothing."""
    done = subprocess.run([str(PROGRAM), "verify", str(model)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]
