"""FHIR `$export` of the built binary: the guide's flow step by step, HealthLake's form, a kill in the middle, and
what is left on disk."""

import concurrent.futures
import gzip
import json
import pathlib
import re
import time
import uuid

import pytest
import requests

from conftest import KMS_KEY, ROLE, Fhir, Server, create_datastore, wait_for

ASYNC = {"Accept": "application/fhir+json", "Prefer": "respond-async"}


def put(fhir, resource):
    answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def patient(identity, **more):
    return {"resourceType": "Patient", "id": identity, **more}


def observation(identity, of, **more):
    more.setdefault("status", "final")
    subject = {"reference": f"Patient/{of}"}
    return {"resourceType": "Observation", "id": identity, "code": {"text": "c"}, "subject": subject, **more}


def started(answer):
    assert answer.status_code == 202, answer.text
    return answer.headers["Content-Location"]


def finished(fhir, status):
    """The manifest, asked for as the guide says: wait as long as the server says."""

    def poll():
        answer = fhir.get(status, headers={"Accept": "application/json"})
        if answer.status_code == 202:
            assert int(answer.headers["Retry-After"]) >= 1 and len(answer.headers["X-Progress"]) <= 100
        return answer

    answer = wait_for(poll, lambda answer: answer.status_code != 202)
    assert answer.status_code == 200, answer.text
    return answer


def lines(manifest, part="output"):
    """The resources of a manifest's files, fetched by their whole addresses alone."""
    found = []
    for file in manifest[part]:
        answer = requests.get(file["url"], headers={"Accept": "application/fhir+ndjson"}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/fhir+ndjson"
        resources = [json.loads(line) for line in answer.text.splitlines()]
        assert len(resources) == file["count"] and {one["resourceType"] for one in resources} == {file["type"]}
        found += resources
    return found


def keys(manifest):
    return sorted(f"{one['resourceType']}/{one['id']}" for one in lines(manifest))


@pytest.fixture
def store(server, healthlake):
    """A data store of one's own, with two patients."""
    fhir = Fhir(server, create_datastore(healthlake)["DatastoreEndpoint"])
    for resource in [patient("a"), patient("b"), observation("x", "a"), observation("y", "b")]:
        put(fhir, resource)
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    put(fhir, {**group, "member": [{"entity": {"reference": "Patient/a"}}]})
    return fhir


def test_the_guides_flow_from_kick_off_to_nothing(store):
    began = time.time()
    status = started(store.get("$export?_type=Patient,Observation", headers=ASYNC))
    assert status.startswith(store.base + "export/")
    answer = finished(store, status)
    manifest = answer.json()
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["Expires"].endswith("GMT")
    assert manifest["request"] == store.base + "$export?_type=Patient,Observation"
    assert manifest["requiresAccessToken"] is False and manifest["error"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", manifest["transactionTime"])
    assert keys(manifest) == ["Observation/x", "Observation/y", "Patient/a", "Patient/b"]
    for resource in lines(manifest):
        assert resource == store.get(f"{resource['resourceType']}/{resource['id']}").json()

    url = manifest["output"][0]["url"]
    packed = requests.get(url, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60)
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.raw.read()).startswith(b"{")
    bare = url.split("?")[0]
    assert requests.get(bare, timeout=60).status_code == 403
    assert requests.get(url.replace("signature=", "signature=0"), timeout=60).status_code == 403
    assert store.get(bare).status_code == 200
    assert store.request("GET", status, sign=False).status_code == 403

    assert store.delete(status).status_code == 202
    assert store.get(status).status_code == store.delete(status).status_code == 404
    assert requests.get(url, timeout=60).status_code == 404
    assert time.time() - began < 60


def test_levels_and_parameters(store):
    def of(answer):
        return keys(finished(store, started(answer)).json())

    def parameters(**values):
        named = [{"name": name, "valueString": value} for name, value in values.items()]
        return {"resourceType": "Parameters", "parameter": named}

    assert of(store.get("Patient/$export", headers=ASYNC)) == ["Group/g", "Observation/x", "Observation/y", "Patient/a", "Patient/b"]
    assert of(store.get("Group/g/$export?_type=Patient,Observation", headers=ASYNC)) == ["Observation/x", "Patient/a"]
    asked = parameters(_typeFilter="Observation?subject=Patient/b", _type="Observation", _outputFormat="ndjson")
    assert of(store.post("$export", headers=ASYNC, json=asked)) == ["Observation/y"]
    asked["parameter"] = [{"name": "patient", "valueReference": {"reference": "Patient/b"}}]
    assert of(store.post("Patient/$export", headers=ASYNC, json=asked)) == ["Observation/y", "Patient/b"]
    for query, code in [("_type=Nothing", "value"), ("_outputFormat=csv", "value"), ("nonsense=1", "invalid")]:
        refused = store.get(f"$export?{query}", headers=ASYNC)
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, code), query
    assert store.get("Group/none/$export", headers=ASYNC).status_code == 404


def test_since_gives_what_changed_and_what_was_deleted(store):
    first = finished(store, started(store.get("$export", headers=ASYNC))).json()
    put(store, observation("x", "a", status="amended"))
    assert store.delete("Patient/b").status_code == 204
    query = f"$export?_since={first['transactionTime']}"
    second = finished(store, started(store.get(query, headers=ASYNC))).json()
    assert keys(second) == ["Observation/x"]
    assert [bundle["entry"] for bundle in lines(second, "deleted")] == [[{"request": {"method": "DELETE", "url": "Patient/b"}}]]
    third = finished(store, started(store.get(f"$export?_since={second['transactionTime']}", headers=ASYNC))).json()
    assert (third["output"], third["deleted"]) == ([], [])


def test_healthlakes_form_writes_to_s3(store, s3, healthlake):
    bucket = f"export-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    order = {
        "JobName": "nightly",
        "OutputDataConfig": {"S3Configuration": {"S3Uri": f"s3://{bucket}/out", "KmsKeyId": KMS_KEY}},
        "DataAccessRoleArn": ROLE,
    }
    answer = store.post("$export?_type=Patient", headers={"Prefer": "respond-async"}, json=order)
    status = started(answer)
    accepted = answer.json()
    assert accepted["jobStatus"] == "SUBMITTED" and status == f"{store.base}export/{accepted['jobId']}"
    told = wait_for(lambda: store.get(status).json(), lambda told: told["exportJobProperties"]["jobStatus"] == "COMPLETED")
    assert told["exportJobProperties"]["jobName"] == "nightly"
    [file] = told["output"]
    key = file["url"].removeprefix(f"s3://{bucket}/")
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert sorted(json.loads(line)["id"] for line in text.splitlines()) == ["a", "b"]
    described = healthlake.describe_fhir_export_job(DatastoreId=accepted["datastoreId"], JobId=accepted["jobId"])
    assert described["ExportJobProperties"]["JobStatus"] == "COMPLETED"
    refused = store.delete(status)
    assert (refused.status_code, refused.json()["issue"][0]["diagnostics"]) == (400, "Interaction not supported.")

    kept = started(store.get("Patient/$export?_type=Patient"))
    told = wait_for(lambda: store.get(kept).json(), lambda told: told["exportJobProperties"]["jobStatus"] == "COMPLETED")
    assert requests.get(told["output"][0]["url"], timeout=60).text.count("\n") == 2


def test_an_export_killed_at_any_moment_ends_with_each_resource_once(tmp_path):
    server = Server(tmp_path / "data").start()
    try:
        endpoint = create_datastore(server.client("healthlake"))["DatastoreEndpoint"]
        fhir = Fhir(server, endpoint)
        note = "MARKER" + uuid.uuid4().hex
        entries = [
            {"resource": observation(f"o{number}", "a", note=[{"text": note}]), "request": {"method": "PUT", "url": f"Observation/o{number}"}}
            for number in range(300)
        ]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        assert fhir.post("", json=bundle).status_code == 200
        status = None
        for pause in (0, 0.005, 0.02):
            status = started(fhir.get("$export", headers=ASYNC))
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                write = pool.submit(lambda: fhir.put("Observation/o7", json=observation("o7", "b")))
                time.sleep(pause)
                write.result()
            server.kill()
            server.start()
            manifest = finished(fhir, status).json()
            found = keys(manifest)
            assert found == sorted(f"Observation/o{number}" for number in range(300))
        # Nothing of it can be read on the disk, and nothing stays when the data store goes.
        exports = list(pathlib.Path(tmp_path / "data" / "exports").rglob("*"))
        files = [path for path in exports if path.is_file()]
        assert len(files) > 3 and not any(note.encode() in path.read_bytes() for path in files)
        server.client("healthlake").delete_fhir_datastore(DatastoreId=endpoint.split("/")[-3])
        left = lambda: [path for path in (tmp_path / "data" / "exports").rglob("objects/*/*") if path.is_file()]
        wait_for(left, lambda files: files == [])
        assert requests.get(manifest["output"][0]["url"], timeout=60).status_code in (403, 404, 409)
    finally:
        server.stop()


def test_files_go_when_their_time_is_over(tmp_path):
    server = Server(tmp_path / "data", "--export-hours", "0").start()
    try:
        fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
        put(fhir, patient("a"))
        status = started(fhir.get("$export", headers=ASYNC))
        wait_for(lambda: fhir.get(status).status_code, lambda found: found == 404)
    finally:
        server.stop()
