"""Import and export with boto3 on real data: what goes in comes out, and kill -9 changes nothing."""

import gzip
import json
import random
import subprocess
import time

import pytest

from conftest import KMS_KEY, ROLE, ROOT, Fhir, Server, binary, create_datastore, wait_for

SYNTHEA = ["v2.4-2019", "v2.7-2021-uscore"]
FINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}


def synthea(version):
    """The resources of one Synthea set, by type, as lines."""
    by_type = {}
    with gzip.open(ROOT / f"testdata/synthea/{version}.ndjson.gz", "rt") as file:
        for line in file:
            by_type.setdefault(json.loads(line)["resourceType"], []).append(line)
    return by_type


# One patient of 2019 has a race that US Core's does not have.
LEVELS = {"v2.4-2019": "structure-only", "v2.7-2021-uscore": "strict"}
RACES_REFUSED = 1


def start_import(healthlake, store, bucket, source, **kw):
    return healthlake.start_fhir_import_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=ROLE,
        InputDataConfig={"S3Uri": f"s3://{bucket}/{source}"},
        JobOutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{bucket}/out/", "KmsKeyId": KMS_KEY}},
        **kw,
    )["JobId"]


def start_export(healthlake, store, bucket):
    return healthlake.start_fhir_export_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=ROLE,
        OutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{bucket}/export/", "KmsKeyId": KMS_KEY}},
    )["JobId"]


def imported(healthlake, store, job, seconds=300):
    describe = lambda: healthlake.describe_fhir_import_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ImportJobProperties"], lambda p: p["JobStatus"] in FINAL, seconds)


def exported(healthlake, store, job, seconds=300):
    describe = lambda: healthlake.describe_fhir_export_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ExportJobProperties"], lambda p: p["JobStatus"] in FINAL, seconds)


def objects(s3, uri):
    """Key and content of everything below an s3:// folder."""
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            yield found["Key"], s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()


def normal(resource):
    """A resource as it must come out again: all but meta's version and time; an empty meta is none."""
    resource = json.loads(resource, parse_float=str) if isinstance(resource, (str, bytes)) else resource
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    resource = {k: v for k, v in resource.items() if k != "meta"}
    if meta:
        resource["meta"] = meta
    return json.dumps(resource, sort_keys=True)


def exported_resources(s3, folder):
    found = {}
    for key, content in objects(s3, folder):
        if key.endswith(".ndjson"):
            for line in content.decode().splitlines():
                resource = json.loads(line, parse_float=str)
                name = f"{resource['resourceType']}/{resource['id']}"
                assert f"/{resource['resourceType']}/" in key, "one folder per type"
                assert name not in found, f"{name} twice"
                assert resource["meta"]["versionId"] == "1", name
                found[name] = normal(resource)
    return found


@pytest.mark.parametrize("version", SYNTHEA)
def test_synthea_goes_in_is_searchable_and_comes_out_equal(server, healthlake, s3, version):
    bucket = "synthea-" + version.replace(".", "-")
    s3.create_bucket(Bucket=bucket)
    by_type = synthea(version)
    for name, lines in by_type.items():
        s3.put_object(Bucket=bucket, Key=f"in/{name}.ndjson", Body="".join(lines).encode())
    store = create_datastore(healthlake)
    job = start_import(healthlake, store, bucket, "in/", ValidationLevel=LEVELS[version])
    properties = imported(healthlake, store, job)
    total = sum(len(lines) for lines in by_type.values())
    report = properties["JobProgressReport"]
    assert properties["JobStatus"] == "COMPLETED", properties
    assert report["TotalNumberOfResourcesImported"] == report["TotalNumberOfResourcesScanned"] == total
    assert report["TotalNumberOfScannedFiles"] == report["TotalNumberOfImportedFiles"] == len(by_type)
    assert report["Throughput"] > 0

    fhir = Fhir(server, store["DatastoreEndpoint"])
    for name, lines in by_type.items():
        found = fhir.get(f"{name}?_total=accurate&_count=1").json()
        assert found["total"] == len(lines), name
    patient = json.loads(by_type["Patient"][0])
    family = patient["name"][0]["family"]
    found = fhir.get(f"Patient?family={family}&birthdate={patient['birthDate']}").json()
    assert patient["id"] in [entry["resource"]["id"] for entry in found["entry"]]
    wanted = sum(json.loads(line)["subject"]["reference"] == f"Patient/{patient['id']}" for line in by_type["Condition"])
    found = fhir.get(f"Condition?patient={patient['id']}&_total=accurate").json()
    assert found["total"] == wanted

    strict = create_datastore(healthlake)
    report = imported(healthlake, strict, start_import(healthlake, strict, bucket, "in/"))["JobProgressReport"]
    refused = RACES_REFUSED if LEVELS[version] != "strict" else 0
    assert report["TotalNumberOfResourcesWithCustomerError"] == refused
    assert report["TotalNumberOfResourcesImported"] == total - refused

    folder = exported(healthlake, store, start_export(healthlake, store, bucket))
    assert folder["JobStatus"] == "COMPLETED", folder
    uri = folder["OutputDataConfig"]["S3Configuration"]["S3Uri"]
    sent = {}
    for lines in by_type.values():
        for line in lines:
            resource = json.loads(line)
            sent[f"{resource['resourceType']}/{resource['id']}"] = normal(line)
    assert exported_resources(s3, uri) == sent

    outcome = dict(objects(s3, properties["JobOutputDataConfig"]["S3Configuration"]["S3Uri"]))
    manifest = next(json.loads(content) for key, content in outcome.items() if key.endswith("/manifest.json"))
    assert manifest["numberOfResourcesImportedSuccessfully"] == total
    assert not any("/FAILURE/" in key for key in outcome)


def test_failed_lines_do_not_stop_a_job_and_are_told_one_by_one(server, healthlake, s3):
    s3.create_bucket(Bucket="faulty-lines")
    lines = [
        '{"resourceType":"Patient","id":"good-1"}',
        "this is not JSON",
        '{"resourceType":"Patient"}',
        '{"resourceType":"Patient","id":"bad id!"}',
        '{"resourceType":"Pa7ient","id":"x"}',
        '{"resourceType":"Patient","id":"y","gender":"unheard-of"}',
        '{"resourceType":"Patient","id":"z","nmae":[]}',
        "",
        '{"resourceType":"Patient","id":"good-2"}\r',
    ]
    s3.put_object(Bucket="faulty-lines", Key="in/mixed.ndjson", Body="\n".join(lines).encode())
    store = create_datastore(healthlake)
    properties = imported(healthlake, store, start_import(healthlake, store, "faulty-lines", "in/mixed.ndjson"))
    assert properties["JobStatus"] == "COMPLETED_WITH_ERRORS"
    report = properties["JobProgressReport"]
    assert report["TotalNumberOfResourcesImported"] == 2
    assert report["TotalNumberOfResourcesWithCustomerError"] == 6
    outcome = dict(objects(s3, properties["JobOutputDataConfig"]["S3Configuration"]["S3Uri"]))
    failures = next(content for key, content in outcome.items() if "/FAILURE/" in key)
    failures = [json.loads(line) for line in failures.decode().splitlines()]
    assert len(failures) == 6
    told = json.dumps([failure["UpdateResourceResponse"]["jsonBlob"] for failure in failures])
    assert all(failure["UpdateResourceResponse"]["statusCode"] == 400 for failure in failures)
    assert "Invalid JSON found in input file" in told
    assert "Missing required id field in resource json" in told


@pytest.mark.parametrize("source", ["s3://no-such-bucket-here/in/", "s3://job-faults/nothing/here"])
def test_a_fault_of_the_whole_job_ends_it_with_a_message(healthlake, s3, source):
    s3.create_bucket(Bucket="job-faults")
    store = create_datastore(healthlake)
    job = healthlake.start_fhir_import_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=ROLE,
        InputDataConfig={"S3Uri": source},
        JobOutputDataConfig={"S3Configuration": {"S3Uri": "s3://job-faults/out/", "KmsKeyId": KMS_KEY}},
    )["JobId"]
    properties = imported(healthlake, store, job)
    assert properties["JobStatus"] == "FAILED" and len(properties["Message"]) > 10


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """At least 100,000 generated resources as NDJSON files."""
    folder = tmp_path_factory.mktemp("population")
    subprocess.run([binary(), "population", "--patients", "400", "--seed", "7", "--out", str(folder)], check=True)
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}
    assert len(files) == 21
    assert sum(content.count(b"\n") for content in files.values()) >= 100_000
    return files


def upload(s3, bucket, files):
    s3.create_bucket(Bucket=bucket)
    for name, content in files.items():
        s3.put_object(Bucket=bucket, Key=f"in/{name}", Body=content)


def check_population(server, s3, healthlake, store, bucket, files):
    total = sum(content.count(b"\n") for content in files.values())
    fhir = Fhir(server, store["DatastoreEndpoint"])
    for name, content in files.items():
        found = fhir.get(f"{name.removesuffix('.ndjson')}?_total=accurate&_count=1").json()
        assert found["total"] == content.count(b"\n"), name
    job = start_export(healthlake, store, bucket)
    folder = exported(healthlake, store, job)["OutputDataConfig"]["S3Configuration"]["S3Uri"]
    found = exported_resources(s3, folder)
    assert len(found) == total
    for content in files.values():
        for line in content.splitlines():
            resource = json.loads(line, parse_float=str)
            assert found[f"{resource['resourceType']}/{resource['id']}"] == normal(resource)


@pytest.fixture(params=["generated", *SYNTHEA])
def files(request):
    """NDJSON files by name, and how long their import may run before it is killed, in seconds, and its level."""
    if request.param == "generated":
        return request.getfixturevalue("population"), 1.2, "strict"
    by_type = synthea(request.param)
    return {f"{name}.ndjson": "".join(lines).encode() for name, lines in by_type.items()}, 0.15, LEVELS[request.param]


def test_kill_9_in_the_middle_of_an_import_and_an_export_changes_nothing(tmp_path, files):
    files, import_s, level = files
    server = Server(tmp_path / "data").start()
    chance = random.Random(20260923)
    try:
        upload(server.client("s3"), "killed", files)
        store = create_datastore(server.client("healthlake"))
        job = start_import(server.client("healthlake"), store, "killed", "in/", ValidationLevel=level)
        for _ in range(6):
            time.sleep(chance.uniform(0.01, import_s))
            server.kill()
            server.start()
            describe = server.client("healthlake").describe_fhir_import_job
            properties = describe(DatastoreId=store["DatastoreId"], JobId=job)["ImportJobProperties"]
            if properties["JobStatus"] in FINAL:
                break
        healthlake = server.client("healthlake")
        properties = imported(healthlake, store, job)
        total = sum(content.count(b"\n") for content in files.values())
        report = properties["JobProgressReport"]
        assert properties["JobStatus"] == "COMPLETED", properties
        assert report["TotalNumberOfResourcesImported"] == report["TotalNumberOfResourcesScanned"] == total
        export = start_export(healthlake, store, "killed")
        for _ in range(3):
            time.sleep(chance.uniform(0.02, import_s / 3))
            server.kill()
            server.start()
        healthlake = server.client("healthlake")
        done = exported(healthlake, store, export)
        assert done["JobStatus"] == "COMPLETED", done
        found = exported_resources(server.client("s3"), done["OutputDataConfig"]["S3Configuration"]["S3Uri"])
        assert len(found) == total
        check_population(server, server.client("s3"), healthlake, store, "killed", files)
    finally:
        server.stop()
    server.check()


def test_sigterm_pauses_a_job_and_the_next_start_goes_on(tmp_path, population):
    server = Server(tmp_path / "data").start()
    try:
        upload(server.client("s3"), "paused", population)
        store = create_datastore(server.client("healthlake"))
        job = start_import(server.client("healthlake"), store, "paused", "in/")
        time.sleep(0.5)
        assert server.stop() == 0
        server.check()
        server.start()
        properties = imported(server.client("healthlake"), store, job)
        total = sum(content.count(b"\n") for content in population.values())
        assert properties["JobStatus"] == "COMPLETED"
        assert properties["JobProgressReport"]["TotalNumberOfResourcesImported"] == total
    finally:
        server.stop()
    server.check()


def test_a_preloaded_store_has_patients_of_all_types(healthlake, server):
    store = create_datastore(healthlake, PreloadDataConfig={"PreloadDataType": "SYNTHEA"})
    fhir = Fhir(server, store["DatastoreEndpoint"])
    assert fhir.get("Patient?_total=accurate&_count=1").json()["total"] >= 100
    for name in ("Observation", "Encounter", "Claim", "Provenance", "ImagingStudy", "Device"):
        assert fhir.get(f"{name}?_total=accurate&_count=1").json()["total"] > 0, name


def test_real_synthea_output_preloads_a_store(tmp_path):
    folder = tmp_path / "synthea"
    folder.mkdir()
    by_type = synthea("v2.4-2019")
    for name, lines in by_type.items():
        (folder / f"{name}.ndjson").write_text("".join(lines))
    server = Server(tmp_path / "data", "--synthea-source", str(folder)).start()
    try:
        store = create_datastore(server.client("healthlake"), PreloadDataConfig={"PreloadDataType": "SYNTHEA"})
        fhir = Fhir(server, store["DatastoreEndpoint"])
        for name, lines in by_type.items():
            assert fhir.get(f"{name}?_total=accurate&_count=1").json()["total"] == len(lines), name
    finally:
        assert server.stop() == 0
    server.check()
