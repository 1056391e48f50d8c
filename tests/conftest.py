"""Starts the built binary and gives the tests real clients of it."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/HealthLakeDataAccess"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/0b2c3d4e-0000-4000-8000-000000000000"


def binary() -> str:
    """The built binary: TARN_BINARY, as `make test` sets it."""
    path = os.environ.get("TARN_BINARY", str(ROOT / "target/quick/tarn"))
    path = path if os.path.isabs(path) else str(ROOT / path)
    assert os.path.exists(path), f"{path} is missing: run `make test`"
    return path


class Server:
    """One tarn process over one data folder; may be killed and started again."""

    def __init__(self, data, *arguments, environment=None, prefix=()):
        self.data = pathlib.Path(data)
        self.prefix = list(prefix)
        self.arguments = list(arguments)
        self.environment = dict(environment or {})
        self.process = None
        self.endpoint = None
        self.log = []
        self.port = 0
        self.was_killed = False

    def start(self):
        command = [*self.prefix, binary(), "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TARN_")}
        environment.update(self.environment)
        self.process = subprocess.Popen(
            command + self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.log = []
        ready = threading.Event()

        def read():
            for line in self.process.stderr:
                self.log.append(line)
                found = re.search(r"ready at (http://127\.0\.0\.1:(\d+))", line)
                if found:
                    self.endpoint = found.group(1)
                    self.port = int(found.group(2))
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        assert ready.wait(30) and self.process.poll() is None, "".join(self.log)
        return self

    def kill(self):
        """kill -9, as the machine would."""
        self.was_killed = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM, and wait. A folder that was ever killed upon must check clean."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        if self.was_killed:
            self.check()
        return self.process.returncode if self.process else None

    @property
    def session(self):
        """A boto3 session with the profile that the server wrote."""
        found = (self.data / "credentials").read_text()
        key = re.search(r"aws_access_key_id\s*=\s*(\S+)", found).group(1)
        secret = re.search(r"aws_secret_access_key\s*=\s*(\S+)", found).group(1)
        return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)

    def client(self, service, **kw):
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, inject_host_prefix=False)
        return self.session.client(service, endpoint_url=self.endpoint, config=config, **kw)

    def check(self):
        """`tarn check` on the stopped server's folder: must be clean."""
        done = subprocess.run([binary(), "check", "--data", str(self.data)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Fhir:
    """Signed requests to one data store's FHIR endpoint."""

    def __init__(self, server, base):
        self.server = server
        self.base = base

    def request(self, method, path, headers=None, data=None, json=None, sign=True):
        url = path if path.startswith("http") else self.base + path
        headers = dict(headers or {})
        if json is not None:
            import json as encoder

            data = encoder.dumps(json)
            headers.setdefault("Content-Type", "application/fhir+json")
        if isinstance(data, str):
            data = data.encode()
        prepared = requests.Request(method, url, headers=headers, data=data).prepare()
        if sign:
            aws = AWSRequest(method=method, url=prepared.url, data=data, headers=headers)
            SigV4Auth(self.server.session.get_credentials(), "healthlake", REGION).add_auth(aws)
            prepared.headers.update(dict(aws.headers))
        return requests.Session().send(prepared, allow_redirects=False, timeout=60)

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, **kw):
        return self.request("POST", path, **kw)

    def put(self, path, **kw):
        return self.request("PUT", path, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)


def wait_for(what, until, seconds=120):
    """Polls `what` until `until` holds of its answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if until(answer):
            return answer
        assert time.monotonic() < end, answer
        time.sleep(0.05)


def create_datastore(client, **kw):
    """A fresh ACTIVE data store, as Describe shows it."""
    kw.setdefault("DatastoreTypeVersion", "R4")
    made = client.create_fhir_datastore(**kw)
    describe = lambda: client.describe_fhir_datastore(DatastoreId=made["DatastoreId"])["DatastoreProperties"]
    return wait_for(describe, lambda found: found["DatastoreStatus"] == "ACTIVE")


@pytest.fixture(scope="session")
def server():
    with tempfile.TemporaryDirectory(prefix="tarn-test-") as data:
        server = Server(data).start()
        yield server
        assert server.stop() == 0, "".join(server.log)
        assert not any("panicked" in line for line in server.log), "".join(server.log)


@pytest.fixture(scope="session")
def endpoint(server):
    return server.endpoint


@pytest.fixture(scope="session")
def session(server):
    return server.session


@pytest.fixture(scope="session")
def healthlake(server):
    return server.client("healthlake")


@pytest.fixture(scope="session")
def s3(server):
    return server.client("s3")


@pytest.fixture(scope="module")
def datastore(healthlake):
    return create_datastore(healthlake, DatastoreName="module")


@pytest.fixture(scope="module")
def fhir(server, datastore):
    return Fhir(server, datastore["DatastoreEndpoint"])
