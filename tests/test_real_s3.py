"""Jobs on an S3 server that is not ours: moto, which also plays IAM and STS and checks every signature."""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile

import boto3
import pytest
import requests

from conftest import KMS_KEY, Fhir, Server, create_datastore, wait_for

REGION = "us-east-1"
BUCKET = "theirs"
FINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}
PATIENTS = [{"resourceType": "Patient", "id": f"p{n}", "gender": "female"} for n in range(500)]


def policy(action):
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    )


def role(name):
    return f"arn:aws:iam::123456789012:role/{name}"


@pytest.fixture(scope="module")
def moto():
    """The server's URL, the key of a user who may only assume roles, and an S3 client of a role that may all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(pathlib.Path(sys.executable).parent / "moto_server"), "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url), bool, 60)
        anybody = boto3.Session("x", "y", region_name=REGION)
        iam = anybody.client("iam", endpoint_url=url)
        iam.create_user(UserName="tarn")
        iam.put_user_policy(UserName="tarn", PolicyName="roles", PolicyDocument=policy("sts:AssumeRole"))
        for name, action in [("DataAccess", "s3:*"), ("NoData", "sqs:*")]:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy("sts:AssumeRole"))
            iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=policy(action))
        key = iam.create_access_key(UserName="tarn")["AccessKey"]
        anybody.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        # From here on nobody gets in without a signature that holds and a policy that allows it.
        requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=60).raise_for_status()
        user = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
        sts = user.client("sts", endpoint_url=url)
        given = sts.assume_role(RoleArn=role("DataAccess"), RoleSessionName="test")["Credentials"]
        s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )
        yield url, key, s3
    finally:
        process.terminate()
        process.wait()


def answers(url):
    try:
        return requests.get(f"{url}/moto-api/", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def theirs(moto):
    """A server whose jobs use that S3, with a data store."""
    url, key, _ = moto
    environment = {
        "TARN_S3_ENDPOINT": url,
        "TARN_S3_ACCESS_KEY_ID": key["AccessKeyId"],
        "TARN_S3_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "TARN_S3_JOB_KEYS": "true",
        "TARN_STS_ENDPOINT": url,
    }
    with tempfile.TemporaryDirectory(prefix="tarn-test-") as data:
        server = Server(data, environment=environment).start()
        client = server.client("healthlake")
        yield server, client, create_datastore(client, DatastoreName="theirs")
        assert server.stop() == 0, "".join(server.log)


def run_import(client, store, prefix, as_role="DataAccess"):
    job = client.start_fhir_import_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=role(as_role),
        InputDataConfig={"S3Uri": f"s3://{BUCKET}/{prefix}"},
        JobOutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{BUCKET}/out/", "KmsKeyId": KMS_KEY}},
    )["JobId"]
    describe = lambda: client.describe_fhir_import_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ImportJobProperties"], lambda p: p["JobStatus"] in FINAL)


def run_export(client, store):
    job = client.start_fhir_export_job(
        DatastoreId=store["DatastoreId"],
        DataAccessRoleArn=role("DataAccess"),
        OutputDataConfig={"S3Configuration": {"S3Uri": f"s3://{BUCKET}/export/", "KmsKeyId": KMS_KEY}},
    )["JobId"]
    describe = lambda: client.describe_fhir_export_job(DatastoreId=store["DatastoreId"], JobId=job)
    return wait_for(lambda: describe()["ExportJobProperties"], lambda p: p["JobStatus"] in FINAL)


def contents(s3, prefix):
    for found in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
        yield found["Key"], s3.get_object(Bucket=BUCKET, Key=found["Key"])


def test_jobs_read_and_write_there_as_the_role(moto, theirs):
    _, _, s3 = moto
    server, client, store = theirs
    for n in (0, 1):
        lines = "".join(json.dumps(patient) + "\n" for patient in PATIENTS[n::2])
        s3.put_object(Bucket=BUCKET, Key=f"in/{n}.ndjson", Body=lines.encode())
    # The console makes such an empty object when somebody makes a folder in it.
    s3.put_object(Bucket=BUCKET, Key="in/", Body=b"")
    done = run_import(client, store, "in/")
    assert done["JobStatus"] == "COMPLETED", done
    assert done["JobProgressReport"]["TotalNumberOfImportedFiles"] == 2
    assert done["JobProgressReport"]["TotalNumberOfResourcesImported"] == 500
    assert Fhir(server, store["DatastoreEndpoint"]).get("Patient/p7").json()["gender"] == "female"
    manifest = next(got for key, got in contents(s3, "out/") if key.endswith("manifest.json"))
    assert manifest["SSEKMSKeyId"] == KMS_KEY

    done = run_export(client, store)
    assert done["JobStatus"] == "COMPLETED", done
    files = [got["Body"].read().decode() for key, got in contents(s3, "export/") if key.endswith(".ndjson")]
    found = sorted(json.loads(line)["id"] for file in files for line in file.splitlines())
    assert found == sorted(patient["id"] for patient in PATIENTS)


def test_a_role_that_opens_nothing_fails_the_job(theirs):
    _, client, store = theirs
    done = run_import(client, store, "in/", "NoData")
    assert done["JobStatus"] == "FAILED", done
    assert "Message" in done
