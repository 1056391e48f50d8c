"""The thirteen actions of the control plane, called by boto3 against the built binary."""

import datetime
import json
import uuid

import boto3
import botocore
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from conftest import KMS_KEY, REGION, ROLE, create_datastore, wait_for

UNKNOWN = "0123456789abcdef0123456789abcdef"
FAST = {"Delay": 1, "MaxAttempts": 60}
METADATA = {
    "authorization_endpoint": "https://idp.example/authorize",
    "token_endpoint": "https://idp.example/token",
    "grant_types_supported": ["authorization_code"],
    "capabilities": ["launch-ehr", "client-public"],
    "code_challenge_methods_supported": ["S256"],
}


def output(uri="s3://control-plane/out"):
    return {"S3Configuration": {"S3Uri": uri, "KmsKeyId": KMS_KEY}}


def start_import(client, datastore_id, **kw):
    kw.setdefault("InputDataConfig", {"S3Uri": "s3://control-plane/in"})
    kw.setdefault("JobOutputDataConfig", output())
    kw.setdefault("DataAccessRoleArn", ROLE)
    return client.start_fhir_import_job(DatastoreId=datastore_id, **kw)


def start_export(client, datastore_id, **kw):
    kw.setdefault("OutputDataConfig", output())
    kw.setdefault("DataAccessRoleArn", ROLE)
    return client.start_fhir_export_job(DatastoreId=datastore_id, **kw)


def refused(call, *arguments, **kw):
    """The code and message of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **kw)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert uuid.UUID(error["ResponseMetadata"]["RequestId"])
    # `Message` is the modelled member: botocore echoes it, and fills Error.Message from it.
    assert error["Message"] == error["Error"]["Message"]
    return error["Error"]["Code"], error["Error"]["Message"]


@pytest.fixture(scope="module")
def lax(server):
    """A client that sends what boto3 itself would refuse."""
    config = Config(retries={"max_attempts": 1}, parameter_validation=False, inject_host_prefix=False)
    return server.session.client("healthlake", endpoint_url=server.endpoint, config=config)


@pytest.fixture(scope="module")
def bucket(s3):
    s3.create_bucket(Bucket="control-plane")
    patient = {"resourceType": "Patient", "id": "one", "gender": "female"}
    s3.put_object(Bucket="control-plane", Key="in/Patient.ndjson", Body=json.dumps(patient) + "\n")
    return "control-plane"


def test_a_data_store_is_created_described_waited_for_and_deleted(healthlake, endpoint):
    before = datetime.datetime.now(datetime.timezone.utc)
    made = healthlake.create_fhir_datastore(DatastoreTypeVersion="R4", DatastoreName="life")
    datastore_id = made["DatastoreId"]
    assert len(datastore_id) == 32 and int(datastore_id, 16) >= 0
    assert made["DatastoreStatus"] == "CREATING"
    assert made["DatastoreArn"].endswith(f":datastore/fhir/{datastore_id}")
    assert made["DatastoreEndpoint"].endswith(f"/datastore/{datastore_id}/r4/")
    assert uuid.UUID(made["ResponseMetadata"]["RequestId"])
    healthlake.get_waiter("fhir_datastore_active").wait(DatastoreId=datastore_id, WaiterConfig=FAST)
    found = healthlake.describe_fhir_datastore(DatastoreId=datastore_id)["DatastoreProperties"]
    assert found["DatastoreStatus"] == "ACTIVE" and found["DatastoreName"] == "life"
    assert abs((found["CreatedAt"] - before).total_seconds()) < 60
    assert found["SseConfiguration"] == {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}}
    gone = healthlake.delete_fhir_datastore(DatastoreId=datastore_id)
    assert gone["DatastoreStatus"] == "DELETING"
    assert {k: gone[k] for k in ("DatastoreArn", "DatastoreEndpoint")} == {
        k: made[k] for k in ("DatastoreArn", "DatastoreEndpoint")
    }
    healthlake.get_waiter("fhir_datastore_deleted").wait(DatastoreId=datastore_id, WaiterConfig=FAST)
    left = healthlake.describe_fhir_datastore(DatastoreId=datastore_id)["DatastoreProperties"]
    assert left == {**found, "DatastoreStatus": "DELETED"}
    with pytest.raises(WaiterError):
        healthlake.get_waiter("fhir_datastore_active").wait(DatastoreId=datastore_id, WaiterConfig=FAST)
    assert refused(healthlake.delete_fhir_datastore, DatastoreId=datastore_id)[0] == "ResourceNotFoundException"


def test_every_member_that_goes_in_comes_out(healthlake):
    members = {
        "DatastoreName": "Ärzte 1",
        "PreloadDataConfig": {"PreloadDataType": "SYNTHEA"},
        "SseConfiguration": {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}},
        "IdentityProviderConfiguration": {
            "AuthorizationStrategy": "SMART_ON_FHIR",
            "FineGrainedAuthorizationEnabled": True,
            "Metadata": json.dumps(METADATA),
            "IdpLambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:introspect",
        },
    }
    tags = [{"Key": "team", "Value": "x"}]
    made = healthlake.create_fhir_datastore(DatastoreTypeVersion="R4", Tags=tags, **members)
    found = healthlake.describe_fhir_datastore(DatastoreId=made["DatastoreId"])["DatastoreProperties"]
    for name, value in members.items():
        assert found[name] == value, name
    assert healthlake.list_tags_for_resource(ResourceARN=made["DatastoreArn"])["Tags"] == tags
    healthlake.get_waiter("fhir_datastore_active").wait(DatastoreId=made["DatastoreId"], WaiterConfig=FAST)


def test_the_same_client_token_gives_the_same_answer_and_other_parameters_are_refused(healthlake):
    token = str(uuid.uuid4())
    first = healthlake.create_fhir_datastore(DatastoreTypeVersion="R4", DatastoreName="token", ClientToken=token)
    again = healthlake.create_fhir_datastore(DatastoreTypeVersion="R4", DatastoreName="token", ClientToken=token)
    first.pop("ResponseMetadata"), again.pop("ResponseMetadata")
    assert first == again
    code, message = refused(healthlake.create_fhir_datastore, DatastoreTypeVersion="R4", ClientToken=token)
    assert code == "ValidationException" and "ClientToken" in message
    found = healthlake.list_fhir_datastores(Filter={"DatastoreName": "token"})["DatastorePropertiesList"]
    assert len(found) == 1
    create_datastore(healthlake, DatastoreName="token")


def test_lists_are_filtered_and_paged(healthlake):
    name = f"paged-{uuid.uuid4()}"
    made = [create_datastore(healthlake, DatastoreName=name) for _ in range(5)]
    seen, token = [], {}
    while True:
        page = healthlake.list_fhir_datastores(Filter={"DatastoreName": name}, MaxResults=2, **token)
        assert len(page["DatastorePropertiesList"]) <= 2
        seen += [found["DatastoreId"] for found in page["DatastorePropertiesList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
        # What is made meanwhile moves nothing.
        healthlake.create_fhir_datastore(DatastoreTypeVersion="R4", DatastoreName=name)
    assert seen == [found["DatastoreId"] for found in reversed(made)]
    second = datetime.timedelta(seconds=1)
    first = made[0]["CreatedAt"]
    filters = {"DatastoreName": name, "DatastoreStatus": "ACTIVE"}
    none = healthlake.list_fhir_datastores(Filter={**filters, "CreatedBefore": first - second})
    assert none["DatastorePropertiesList"] == [] and "NextToken" not in none
    everything = healthlake.list_fhir_datastores(
        Filter={**filters, "CreatedAfter": first - second, "CreatedBefore": first + 3600 * second}
    )
    assert {found["DatastoreId"] for found in made} <= {
        found["DatastoreId"] for found in everything["DatastorePropertiesList"]
    }
    forged = token["NextToken"][:-2] + ("A" if token["NextToken"][-2] != "A" else "B") + token["NextToken"][-1]
    for bad in (forged, "made-up"):
        code, _ = refused(healthlake.list_fhir_datastores, Filter={"DatastoreName": name}, NextToken=bad)
        assert code == "ValidationException"
    assert refused(healthlake.list_fhir_datastores, **token)[0] == "ValidationException", "another list's token"


def test_jobs_are_started_described_listed_and_waited_for(healthlake, bucket):
    datastore_id = create_datastore(healthlake, DatastoreName="jobs")["DatastoreId"]
    started = start_import(healthlake, datastore_id, JobName="nightly", ValidationLevel="structure-only")
    assert started["JobStatus"] == "SUBMITTED" and started["DatastoreId"] == datastore_id
    job_id = started["JobId"]
    wait = {"DatastoreId": datastore_id, "JobId": job_id, "WaiterConfig": FAST}
    healthlake.get_waiter("fhir_import_job_completed").wait(**wait)
    found = healthlake.describe_fhir_import_job(DatastoreId=datastore_id, JobId=job_id)["ImportJobProperties"]
    assert found["JobStatus"] == "COMPLETED" and found["JobName"] == "nightly"
    assert found["ValidationLevel"] == "structure-only" and found["DataAccessRoleArn"] == ROLE
    assert found["InputDataConfig"] == {"S3Uri": "s3://control-plane/in"}
    folder = f"s3://control-plane/out/{datastore_id}-FHIR_IMPORT-{job_id}/"
    assert found["JobOutputDataConfig"]["S3Configuration"] == {"S3Uri": folder, "KmsKeyId": KMS_KEY}
    assert found["JobProgressReport"]["TotalNumberOfResourcesImported"] == 1
    assert found["SubmitTime"] <= found["EndTime"]

    export = start_export(healthlake, datastore_id, JobName="out")
    wait["JobId"] = export["JobId"]
    healthlake.get_waiter("fhir_export_job_completed").wait(**wait)
    made = healthlake.describe_fhir_export_job(DatastoreId=datastore_id, JobId=export["JobId"])["ExportJobProperties"]
    folder = f"s3://control-plane/out/{datastore_id}-FHIR_EXPORT-{export['JobId']}/"
    assert made["OutputDataConfig"]["S3Configuration"] == {"S3Uri": folder, "KmsKeyId": KMS_KEY}
    listed = healthlake.list_fhir_import_jobs(
        DatastoreId=datastore_id, JobName="nightly", JobStatus="COMPLETED", SubmittedAfter=found["SubmitTime"].replace(year=2020)
    )
    assert [job["JobId"] for job in listed["ImportJobPropertiesList"]] == [job_id]
    assert healthlake.list_fhir_import_jobs(DatastoreId=datastore_id, JobName="out")["ImportJobPropertiesList"] == []
    listed = healthlake.list_fhir_export_jobs(DatastoreId=datastore_id, SubmittedBefore=made["SubmitTime"].replace(year=2020))
    assert listed["ExportJobPropertiesList"] == []
    listed = healthlake.list_fhir_export_jobs(DatastoreId=datastore_id)
    assert [job["JobId"] for job in listed["ExportJobPropertiesList"]] == [export["JobId"]]


def test_a_job_with_the_same_client_token_is_started_once(healthlake, bucket):
    datastore_id = create_datastore(healthlake)["DatastoreId"]
    for start, list_jobs, key in (
        (start_import, healthlake.list_fhir_import_jobs, "ImportJobPropertiesList"),
        (start_export, healthlake.list_fhir_export_jobs, "ExportJobPropertiesList"),
    ):
        token = str(uuid.uuid4())
        first = start(healthlake, datastore_id, ClientToken=token)
        assert start(healthlake, datastore_id, ClientToken=token)["JobId"] == first["JobId"]
        other = refused(start, healthlake, datastore_id, ClientToken=token, JobName="other")
        assert other[0] == "ValidationException"
        assert len(list_jobs(DatastoreId=datastore_id)[key]) == 1


def test_tags_are_set_overwritten_and_removed(healthlake):
    arn = create_datastore(healthlake)["DatastoreArn"]
    healthlake.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    healthlake.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "2"}])
    healthlake.untag_resource(ResourceARN=arn, TagKeys=["b", "never"])
    assert healthlake.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    many = [{"Key": str(n), "Value": ""} for n in range(50)]
    code, message = refused(healthlake.tag_resource, ResourceARN=arn, Tags=many)
    assert code == "ValidationException" and "50 tags" in message


CREATE = {"DatastoreTypeVersion": "R4"}
BAD = [
    ("create_fhir_datastore", {}, "'datastoreTypeVersion' failed to satisfy constraint: Member must not be null"),
    ("create_fhir_datastore", {"DatastoreTypeVersion": "R5"}, "Member must satisfy enum value set: [R4]"),
    ("create_fhir_datastore", {**CREATE, "DatastoreName": "x" * 257}, "'datastoreName'"),
    ("create_fhir_datastore", {**CREATE, "DatastoreName": "a;b"}, "Member must satisfy regular expression pattern"),
    ("create_fhir_datastore", {**CREATE, "ClientToken": "a_b"}, "'clientToken'"),
    ("create_fhir_datastore", {**CREATE, "Tags": [{"Key": "", "Value": ""}]}, "'tags.1.member.key'"),
    ("create_fhir_datastore", {**CREATE, "Tags": [{"Key": "aws:x", "Value": ""}]}, "reserved"),
    ("create_fhir_datastore", {**CREATE, "PreloadDataConfig": {"PreloadDataType": "X"}}, "[SYNTHEA]"),
    (
        "create_fhir_datastore",
        {**CREATE, "SseConfiguration": {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY"}}},
        "KmsKeyId",
    ),
    (
        "create_fhir_datastore",
        {**CREATE, "IdentityProviderConfiguration": {"AuthorizationStrategy": "SMART_ON_FHIR", "Metadata": "{}"}},
        "authorization_endpoint",
    ),
    ("describe_fhir_datastore", {"DatastoreId": "x" * 40}, "Member must have length less than or equal to 32"),
    ("list_fhir_datastores", {"MaxResults": 501}, "Member must have value less than or equal to 500"),
    ("list_fhir_datastores", {"MaxResults": 0}, "Member must have value greater than or equal to 1"),
    ("list_fhir_datastores", {"Filter": {"DatastoreStatus": "GONE"}}, "'filter.datastoreStatus'"),
    (
        "start_fhir_import_job",
        {
            "DatastoreId": UNKNOWN,
            "DataAccessRoleArn": "arn:aws:iam::1:role/shortaccount",
            "InputDataConfig": {"S3Uri": "http://x"},
            "JobOutputDataConfig": {"S3Configuration": {"S3Uri": "s3://bucket"}},
        },
        "3 validation errors detected: ",
    ),
    (
        "start_fhir_export_job",
        {"DatastoreId": UNKNOWN, "DataAccessRoleArn": ROLE, "OutputDataConfig": {"S3Configuration": {"S3Uri": "s3://b", "KmsKeyId": KMS_KEY}}},
        "'outputDataConfig.s3Configuration.s3Uri'",
    ),
    ("describe_fhir_import_job", {"DatastoreId": UNKNOWN}, "'jobId'"),
    ("list_fhir_export_jobs", {"DatastoreId": UNKNOWN, "JobStatus": "LATE"}, "'jobStatus'"),
    ("tag_resource", {"ResourceARN": "arn:aws:s3:::bucket", "Tags": []}, "'resourceARN'"),
    ("untag_resource", {"ResourceARN": "arn:aws:s3:::bucket", "TagKeys": []}, "'resourceARN'"),
]


@pytest.mark.parametrize("action,input,sentence", BAD, ids=[f"{n}-{case[0]}" for n, case in enumerate(BAD)])
def test_bad_input_is_a_validation_exception(lax, action, input, sentence):
    code, message = refused(getattr(lax, action), **input)
    assert code == "ValidationException" and sentence in message


def test_what_does_not_exist_is_not_found(healthlake, datastore):
    arn = datastore["DatastoreArn"].replace(datastore["DatastoreId"], UNKNOWN)
    calls = [
        (healthlake.describe_fhir_datastore, {"DatastoreId": UNKNOWN}),
        (healthlake.describe_fhir_datastore, {"DatastoreId": "not hex"}),
        (healthlake.delete_fhir_datastore, {"DatastoreId": UNKNOWN}),
        (healthlake.describe_fhir_import_job, {"DatastoreId": datastore["DatastoreId"], "JobId": UNKNOWN}),
        (healthlake.describe_fhir_export_job, {"DatastoreId": datastore["DatastoreId"], "JobId": UNKNOWN}),
        (healthlake.list_fhir_import_jobs, {"DatastoreId": UNKNOWN}),
        (healthlake.list_fhir_export_jobs, {"DatastoreId": UNKNOWN}),
        (healthlake.tag_resource, {"ResourceARN": arn, "Tags": []}),
        (healthlake.untag_resource, {"ResourceARN": arn, "TagKeys": []}),
        (healthlake.list_tags_for_resource, {"ResourceARN": arn}),
    ]
    for call, input in calls:
        assert refused(call, **input)[0] == "ResourceNotFoundException", input
    with pytest.raises(healthlake.exceptions.ResourceNotFoundException):
        start_import(healthlake, UNKNOWN)


def test_operations_of_the_newer_model_say_that_they_are_not_here(healthlake, datastore):
    calls = [
        (healthlake.update_fhir_datastore, {"DatastoreId": datastore["DatastoreId"], "DatastoreName": "x"}),
        (healthlake.list_data_transformation_profiles, {"SourceFormat": "CCDA"}),
    ] if hasattr(healthlake, "update_fhir_datastore") else []
    for call, input in calls:
        code, message = refused(call, **input)
        assert code == "ValidationException" and "not supported by this version of tarn" in message


def test_wrong_json_types_and_unknown_targets_have_their_exceptions(server):
    def call(target, body):
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        aws = AWSRequest(method="POST", url=server.endpoint + "/", data=body, headers=headers)
        SigV4Auth(server.session.get_credentials(), "healthlake", REGION).add_auth(aws)
        answer = requests.post(server.endpoint + "/", data=body, headers=dict(aws.headers), timeout=60)
        assert answer.status_code == 400 and "x-amzn-requestid" in answer.headers
        return answer.json()["__type"]

    assert call("HealthLake.DescribeFHIRDatastore", '{"DatastoreId": 7}') == "SerializationException"
    assert call("HealthLake.DescribeFHIRDatastore", "{") == "SerializationException"
    assert call("HealthLake.MakeCoffee", "{}") == "UnknownOperationException"


def test_strangers_are_refused_by_the_usual_exceptions(server, endpoint):
    def stranger(key, secret):
        config = Config(retries={"max_attempts": 1})
        return boto3.client(
            "healthlake",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
        )

    mine = server.session.get_credentials()
    cases = [
        (stranger("AKIAIOSFODNN7EXAMPLE", "x" * 40), "UnrecognizedClientException"),
        (stranger(mine.access_key, "x" * 40), "InvalidSignatureException"),
    ]
    for client, code in cases:
        with pytest.raises(ClientError) as caught:
            client.list_fhir_datastores()
        assert caught.value.response["Error"]["Code"] == code
    unsigned = boto3.client(
        "healthlake", endpoint_url=endpoint, region_name=REGION, config=Config(signature_version=botocore.UNSIGNED)
    )
    with pytest.raises(ClientError) as caught:
        unsigned.list_fhir_datastores()
    assert caught.value.response["Error"]["Code"] == "MissingAuthenticationTokenException"


def test_records_and_client_tokens_outlive_kill_nine(tmp_path):
    from conftest import Server

    server = Server(tmp_path / "data").start()
    try:
        client = server.client("healthlake")
        first = client.create_fhir_datastore(DatastoreTypeVersion="R4", ClientToken="once", DatastoreName="kept")
        create_datastore(client)
        page = client.list_fhir_datastores(MaxResults=1)
        server.kill()
        server.start()
        client = server.client("healthlake")
        again = client.create_fhir_datastore(DatastoreTypeVersion="R4", ClientToken="once", DatastoreName="kept")
        assert again["DatastoreId"] == first["DatastoreId"]
        describe = lambda: client.describe_fhir_datastore(DatastoreId=first["DatastoreId"])["DatastoreProperties"]
        wait_for(describe, lambda found: found["DatastoreStatus"] == "ACTIVE")
        rest = client.list_fhir_datastores(MaxResults=1, NextToken=page["NextToken"])
        assert [found["DatastoreId"] for found in rest["DatastorePropertiesList"]] == [first["DatastoreId"]]
    finally:
        server.stop()
