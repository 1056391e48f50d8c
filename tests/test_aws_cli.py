"""The AWS CLI, version 1 (PyPI) and version 2 (Debian), unmodified."""

import json
import os
import subprocess

import pytest

from conftest import KMS_KEY, REGION, ROLE, ROOT, wait_for

CLIS = {
    "v1": str(ROOT / ".test/venv/bin/aws"),
    "v2": "/usr/bin/aws",
}


@pytest.fixture(params=CLIS)
def aws(request, server):
    program = CLIS[request.param]
    assert os.path.exists(program), f"{program} is missing: run `make test`"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(server.data),
        "AWS_SHARED_CREDENTIALS_FILE": str(server.data / "credentials"),
        "AWS_PROFILE": "tarn",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
    }

    def run(*arguments, fails=False, text=False):
        command = [program, "--endpoint-url", server.endpoint, "--output", "json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        if fails:
            return done.stderr
        return done.stdout if text else (json.loads(done.stdout) if done.stdout.strip() else {})

    def wait(waiter, describe, *arguments):
        """The CLI's own waiter; Debian's version 2 is older than HealthLake's waiters, so it is asked again and again."""
        if request.param == "v1":
            run("healthlake", "wait", waiter, *arguments, text=True)
            return
        look = lambda: next(iter(run("healthlake", describe, *arguments).values()))
        transitional = {"CREATING", "DELETING", "SUBMITTED", "QUEUED", "IN_PROGRESS"}
        wait_for(look, lambda found: (found.get("DatastoreStatus") or found.get("JobStatus")) not in transitional)

    run.version = request.param
    run.wait = wait
    return run


def test_a_data_store_lives_and_dies(aws):
    made = aws("healthlake", "create-fhir-datastore", "--datastore-type-version", "R4",
               "--datastore-name", f"cli-{aws.version}", "--tags", "Key=team,Value=a b")
    assert made["DatastoreStatus"] == "CREATING"
    name = ["--datastore-id", made["DatastoreId"]]
    aws.wait("fhir-datastore-active", "describe-fhir-datastore", *name)
    shown = aws("healthlake", "describe-fhir-datastore", *name)["DatastoreProperties"]
    assert shown["DatastoreName"] == f"cli-{aws.version}" and shown["DatastoreStatus"] == "ACTIVE"
    listed = aws("healthlake", "list-fhir-datastores", "--filter", f"DatastoreName=cli-{aws.version}")
    assert [one["DatastoreId"] for one in listed["DatastorePropertiesList"]] == [made["DatastoreId"]]
    arn = ["--resource-arn", made["DatastoreArn"]]
    aws("healthlake", "tag-resource", *arn, "--tags", "Key=stage,Value=test")
    aws("healthlake", "untag-resource", *arn, "--tag-keys", "team")
    assert aws("healthlake", "list-tags-for-resource", *arn) == {"Tags": [{"Key": "stage", "Value": "test"}]}
    assert aws("healthlake", "delete-fhir-datastore", *name)["DatastoreStatus"] == "DELETING"
    aws.wait("fhir-datastore-deleted", "describe-fhir-datastore", *name)
    assert aws("healthlake", "describe-fhir-datastore", *name)["DatastoreProperties"]["DatastoreStatus"] == "DELETED"


def test_objects_are_copied_in_and_out(aws, tmp_path):
    bucket = f"cli-{aws.version}"
    aws("s3", "mb", f"s3://{bucket}", text=True)
    source = tmp_path / "in.ndjson"
    source.write_bytes(os.urandom(1000) * 12_000)
    aws("s3", "cp", str(source), f"s3://{bucket}/folder/in.ndjson", text=True)
    assert "folder/in.ndjson" in aws("s3", "ls", "--recursive", f"s3://{bucket}", text=True)
    target = tmp_path / "out.ndjson"
    aws("s3", "cp", f"s3://{bucket}/folder/in.ndjson", str(target), text=True)
    assert target.read_bytes() == source.read_bytes()
    aws("s3", "sync", f"s3://{bucket}/folder", str(tmp_path / "synced"), text=True)
    assert (tmp_path / "synced/in.ndjson").read_bytes() == source.read_bytes()
    aws("s3", "rb", "--force", f"s3://{bucket}", text=True)


def test_jobs_run_from_bucket_to_bucket(aws, tmp_path):
    bucket = f"jobs-{aws.version}"
    aws("s3", "mb", f"s3://{bucket}", text=True)
    source = tmp_path / "patients.ndjson"
    source.write_text("".join(json.dumps({"resourceType": "Patient", "id": f"p{n}"}) + "\n" for n in range(50)))
    aws("s3", "cp", str(source), f"s3://{bucket}/in/patients.ndjson", text=True)
    made = aws("healthlake", "create-fhir-datastore", "--datastore-type-version", "R4")
    name = ["--datastore-id", made["DatastoreId"]]
    aws.wait("fhir-datastore-active", "describe-fhir-datastore", *name)
    output = json.dumps({"S3Configuration": {"S3Uri": f"s3://{bucket}/out/", "KmsKeyId": KMS_KEY}})
    job = aws("healthlake", "start-fhir-import-job", *name, "--data-access-role-arn", ROLE,
              "--input-data-config", f"S3Uri=s3://{bucket}/in/", "--job-output-data-config", output)
    aws.wait("fhir-import-job-completed", "describe-fhir-import-job", *name, "--job-id", job["JobId"])
    shown = aws("healthlake", "describe-fhir-import-job", *name, "--job-id", job["JobId"])["ImportJobProperties"]
    assert shown["JobStatus"] == "COMPLETED"
    if aws.version == "v1":  # Debian's version 2 is older than the progress report and leaves it out.
        assert shown["JobProgressReport"]["TotalNumberOfResourcesImported"] == 50
    job = aws("healthlake", "start-fhir-export-job", *name, "--data-access-role-arn", ROLE,
              "--output-data-config", output)
    aws.wait("fhir-export-job-completed", "describe-fhir-export-job", *name, "--job-id", job["JobId"])
    listed = aws("healthlake", "list-fhir-export-jobs", *name)["ExportJobPropertiesList"]
    assert [one["JobStatus"] for one in listed] == ["COMPLETED"]


def test_a_refusal_is_told_in_the_services_own_words(aws):
    told = aws("healthlake", "describe-fhir-datastore", "--datastore-id", "0" * 32, fails=True)
    assert "ResourceNotFoundException" in told
    told = aws("healthlake", "create-fhir-datastore", "--datastore-type-version", "R5", fails=True)
    assert "ValidationException" in told and "datastoreTypeVersion" in told
