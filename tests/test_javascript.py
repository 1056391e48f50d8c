"""The JavaScript SDK, unmodified (`tests/js/control_plane.mjs`), under the node that `tests/js/package.json` names:
Debian's may be older than the SDK wants."""

import json
import os
import subprocess

from conftest import KMS_KEY, ROLE, ROOT


def test_the_javascript_sdk_does_everything(server, s3):
    s3.create_bucket(Bucket="javascript")
    s3.put_object(Bucket="javascript", Key="in/a.ndjson", Body=json.dumps({"resourceType": "Patient", "id": "a"}))
    credentials = server.session.get_credentials()
    environment = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": server.endpoint,
        "ACCESS_KEY_ID": credentials.access_key,
        "SECRET_ACCESS_KEY": credentials.secret_key,
        "BUCKET": "javascript",
        "ROLE": ROLE,
        "KMS_KEY": KMS_KEY,
    }
    done = subprocess.run(
        [str(ROOT / "tests/js/node_modules/.bin/node"), "control_plane.mjs"], cwd=ROOT / "tests/js", env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.strip() == "ok", done.stdout + done.stderr
