"""What the independent FHIRPath engine finds in the standard's examples is still what is committed
(`tests/js/search_parameters.mjs`); the search crate's own tests compare extraction with that."""

import os
import subprocess

from conftest import ROOT


def test_the_committed_oracle_is_what_the_engine_finds():
    done = subprocess.run(
        [str(ROOT / "tests/js/node_modules/.bin/node"), "search_parameters.mjs"],
        cwd=ROOT / "tests/js",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip() == "ok", done.stdout + done.stderr
