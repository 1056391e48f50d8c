"""Jobs on an S3 that fails: what may pass is tried again, what does not ends the job with a clear word."""

import collections
import json
import random
import threading
import time

import pytest
from conftest import KMS_KEY, ROLE, Fhir, Server, create_datastore, wait_for
from fake_s3 import FakeS3

FINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}
BUCKET = "theirs"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    fake = FakeS3()
    environment = {
        "TARN_S3_ENDPOINT": fake.url,
        "TARN_S3_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "TARN_S3_SECRET_ACCESS_KEY": "secret",
    }
    server = Server(tmp_path_factory.mktemp("faults"), environment=environment).start()
    yield fake, server
    assert server.stop() == 0, "".join(server.log)
    assert not any("panicked" in line for line in server.log), "".join(server.log)
    fake.close()


@pytest.fixture
def fake(world):
    fake, _ = world
    fake.objects.clear()
    fake.requests.clear()
    fake.fault = lambda method, key, query: None
    yield fake
    fake.fault = lambda method, key, query: None


@pytest.fixture
def server(world):
    return world[1]


def lines(file, count, pad=0):
    rows = (
        {"resourceType": "Patient", "id": f"{file}-{n}", "name": [{"family": "x" * pad or "y"}]} for n in range(count)
    )
    return "\n".join(json.dumps(row) for row in rows).encode() + b"\n"


def run_import(server, store, prefix="in/"):
    client = server.client("healthlake")
    job = client.start_fhir_import_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=ROLE,
        InputDataConfig={"S3Uri": f"s3://{BUCKET}/{prefix}"},
        JobOutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{BUCKET}/out/", "KmsKeyId": KMS_KEY}},
        ValidationLevel="structure-only",
    )["JobId"]
    describe = lambda: client.describe_fhir_import_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ImportJobProperties"], lambda p: p["JobStatus"] in FINAL, 180)


def run_export(server, store):
    client = server.client("healthlake")
    job = client.start_fhir_export_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=ROLE,
        OutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{BUCKET}/export/", "KmsKeyId": KMS_KEY}},
    )["JobId"]
    describe = lambda: client.describe_fhir_export_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ExportJobProperties"], lambda p: p["JobStatus"] in FINAL, 180)


def fresh(server):
    store = create_datastore(server.client("healthlake"))
    return store, Fhir(server, store["DatastoreEndpoint"])


def total(fhir):
    return fhir.get("Patient?_summary=count").json()["total"]


def versions(fhir):
    return fhir.get("Patient/_history?_count=1").json().get("total")


def once_in(number, fault):
    """This fault for one request in so many, by chance, always the same."""
    dice = random.Random(7)
    return lambda method, key, query: fault if dice.randrange(number) == 0 else None


FAULTS = {
    "500": ("status", 500, "InternalError"),
    "503": ("status", 503, "SlowDown"),
    "slow": ("slow", 0.3),
    "cut": ("cut", 5_000),
}


@pytest.mark.parametrize("name", FAULTS)
def test_jobs_get_through_what_passes_with_exact_counts(fake, server, name):
    store, fhir = fresh(server)
    for file in ("a", "b", "c"):
        fake.objects[BUCKET, f"in/{file}.ndjson"] = lines(file, 400, 100)
    fake.fault = once_in(4, FAULTS[name])
    job = run_import(server, store)
    assert job["JobStatus"] == "COMPLETED", job
    report = job["JobProgressReport"]
    assert (report["TotalNumberOfResourcesScanned"], report["TotalNumberOfResourcesImported"]) == (1200, 1200)
    assert total(fhir) == 1200
    written = sum(
        body.count(b"\n") for (_, key), body in fake.objects.items() if key.startswith("out/") and "/SUCCESS/" in key
    )
    assert written == 1200
    job = run_export(server, store)
    assert job["JobStatus"] == "COMPLETED", job
    fake.fault = lambda method, key, query: None
    exported = [json.loads(line) for (_, key), body in fake.objects.items() if key.startswith("export/") for line in body.splitlines()]
    assert len(exported) == 1200 and len({row["id"] for row in exported}) == 1200


def test_a_cut_read_goes_on_where_it_was_cut(fake, server):
    store, fhir = fresh(server)
    body = lines("big", 3000, 1000)
    fake.objects[BUCKET, "in/big.ndjson"] = body
    fake.fault = lambda method, key, query: ("cut", 700_000) if method == "GET" and key.endswith("big.ndjson") else None
    job = run_import(server, store)
    assert job["JobStatus"] == "COMPLETED", job
    assert total(fhir) == 3000
    ranges = [found[3] for found in fake.requests if found[0] == "GET" and found[1].endswith("big.ndjson")]
    assert any(asked and not asked.startswith("bytes=0-") for asked in ranges), ranges
    assert len(ranges) <= len(body) // 700_000 + 3, "nothing is read from the beginning again"


def test_an_object_that_stays_unreadable_is_named_and_the_rest_is_imported(fake, server):
    store, fhir = fresh(server)
    for file in ("a", "b"):
        fake.objects[BUCKET, f"in/{file}.ndjson"] = lines(file, 10)
    fake.fault = lambda method, key, query: (
        ("status", 403, "AccessDenied") if method == "GET" and key.endswith("b.ndjson") else None
    )
    job = run_import(server, store)
    assert job["JobStatus"] == "COMPLETED_WITH_ERRORS", job
    assert total(fhir) == 10


def test_an_endpoint_that_stays_broken_fails_the_job_with_object_and_reason(fake, server):
    store, fhir = fresh(server)
    fake.objects[BUCKET, "in/a.ndjson"] = lines("a", 10)
    fake.fault = lambda method, key, query: (
        ("status", 503, "SlowDown") if method == "GET" and key.endswith("a.ndjson") else None
    )
    began = time.monotonic()
    job = run_import(server, store)
    assert job["JobStatus"] == "FAILED", job
    assert "a.ndjson" in job["Message"] and "SlowDown" in job["Message"], job["Message"]
    assert time.monotonic() - began < 120
    assert total(fhir) == 0
    tries = fake.count("GET", "a.ndjson")
    assert 5 <= tries <= 8 * 9, tries
    fake.fault = lambda method, key, query: None
    assert run_import(server, store)["JobStatus"] == "COMPLETED"


def test_an_output_that_cannot_be_written_fails_the_job(fake, server):
    store, fhir = fresh(server)
    fake.objects[BUCKET, "in/a.ndjson"] = lines("a", 10)
    fake.fault = lambda method, key, query: ("status", 500, "InternalError") if method in ("PUT", "POST") else None
    job = run_import(server, store)
    assert job["JobStatus"] == "FAILED", job
    assert "output location" in job["Message"] and "InternalError" in job["Message"], job["Message"]


def test_a_hung_endpoint_times_out_and_others_are_not_held_up(fake, server):
    store, fhir = fresh(server)
    other, _ = fresh(server)
    fake.objects[BUCKET, "in/a.ndjson"] = lines("a", 10)
    fake.objects[BUCKET, "fine/b.ndjson"] = lines("b", 10)
    hung = collections.Counter()

    def fault(method, key, query):
        if method == "GET" and key.endswith("a.ndjson"):
            hung[key] += 1
            return ("hang", 300) if hung[key] <= 1 else None
        return None

    fake.fault = fault
    outcome = {}
    waiting = threading.Thread(target=lambda: outcome.update(job=run_import(server, store)))
    waiting.start()
    assert run_import(server, other, "fine/")["JobStatus"] == "COMPLETED"
    waiting.join()
    assert outcome["job"]["JobStatus"] == "COMPLETED", outcome
    assert total(fhir) == 10


def test_an_object_that_is_shorter_than_its_listing_says_is_no_success(fake, server):
    store, fhir = fresh(server)
    fake.objects[BUCKET, "in/a.ndjson"] = lines("a", 10)
    fake.fault = lambda method, key, query: ("short", 200) if method == "GET" and key.endswith("a.ndjson") else None
    job = run_import(server, store)
    assert job["JobStatus"] in ("FAILED", "COMPLETED_WITH_ERRORS"), job
