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


def test_what_many_clients_see_of_few_resources_is_linearizable(tmp_path):
    told = endurance("history", "--kills", "6", "--seed", "5", "--data", str(tmp_path / "data"))
    assert told["violations"].strip() == "0"
    assert int(told["interactions"].split()[0]) > 100


def test_a_steady_load_is_measured_and_plotted(tmp_path):
    """A few seconds tell nothing of memory; that the tool measures and draws is what is tested here."""
    arguments = ["--minutes", "0.1", "--rate", "50", "--every", "1", "--out", str(tmp_path), "--short"]
    told = endurance("soak", *arguments)
    assert "in the end" in told["memory"]
    lines = (tmp_path / "soak.csv").read_text().splitlines()
    assert len(lines) >= 6 and lines[0].startswith("second,resident_bytes,rate")
    assert (tmp_path / "soak.svg").read_text().count("<polyline") == 4
