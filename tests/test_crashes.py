"""Kills the built binary under mixed load and checks that nothing acknowledged is lost: the short form of `endurance`."""

import os
import subprocess

from conftest import ROOT, binary

# A tarn that loses what it acknowledged: its fifth start finds the data stores as the third found them.
FORGETFUL = """#!/bin/bash
data="${@: -1}"
if [ "$1" = serve ]; then
    starts=$(($(cat "$data.starts" 2>/dev/null || echo 0) + 1))
    echo $starts > "$data.starts"
    if [ $starts = 3 ]; then cp -r --sparse=always "$data/stores" "$data.old"; fi
    if [ $starts = 5 ]; then cp -r --sparse=always "$data.old/." "$data/stores.old"; rm -rf "$data/stores"; \
        mv "$data/stores.old" "$data/stores"; fi
fi
exec "$TARN" "$@"
"""


def run(*arguments, tarn=None, environment=None):
    """Runs the tool that stands beside tarn, over that tarn."""
    path = os.environ.get("ENDURANCE_BINARY", str(ROOT / "target/quick/endurance"))
    path = path if os.path.isabs(path) else str(ROOT / path)
    assert os.path.exists(path), f"{path} is missing: run `make test`"
    command = [path, *arguments, "--binary", tarn or binary()]
    environment = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)


def endurance(*arguments):
    """Runs it where nothing may be wrong; what it says."""
    done = run(*arguments)
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


def test_the_tool_sees_what_a_forgetful_server_lost(tmp_path):
    """Who only ever hears that all is well does not know whether anybody looks."""
    tarn = tmp_path / "tarn"
    tarn.write_text(FORGETFUL)
    tarn.chmod(0o755)
    arguments = ["crash", "--kills", "8", "--seed", "5", "--data", str(tmp_path / "data"), "--check-every", "100"]
    done = run(*arguments, tarn=str(tarn), environment={"TARN": binary()})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "violations             0" not in done.stdout
    assert "_history" in done.stdout or "has as its history" in done.stdout or "are found" in done.stdout, done.stdout
