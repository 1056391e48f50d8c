"""Kills the built binary under mixed load and checks that nothing acknowledged is lost: the short form of `endurance`."""

import os
import subprocess

from conftest import ROOT, binary


def endurance(*arguments):
    """Runs the tool that stands beside tarn, over that tarn; what it says."""
    path = os.environ.get("ENDURANCE_BINARY", str(ROOT / "target/quick/endurance"))
    path = path if os.path.isabs(path) else str(ROOT / path)
    assert os.path.exists(path), f"{path} is missing: run `make test`"
    command = [path, *arguments, "--binary", binary()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split("  ", 1) for line in done.stdout.splitlines() if "  " in line)


def test_kills_under_mixed_load_lose_nothing(tmp_path):
    told = endurance("crash", "--kills", "8", "--seed", "5", "--data", str(tmp_path / "data"))
    assert told["violations"].strip() == "0"
    assert told["kills under load"].strip() == "8"
    assert int(told["acknowledged writes"]) > 0
