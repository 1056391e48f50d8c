"""The embedded S3 endpoint under boto3 and both AWS CLIs, unmodified."""

import hashlib
import io
import os
import pathlib
import subprocess
import sys
import uuid

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

KEYS = ["a", "in/1.ndjson", "in/2 b+%.ndjson", "in/ü/3", "out/x"]


@pytest.fixture
def bucket(s3):
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def code(call, **kw):
    with pytest.raises(ClientError) as refused:
        call(**kw)
    return refused.value.response["Error"]["Code"]


def test_an_object_comes_back_with_what_was_sent_with_it(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a b/ü+%20", Body=b"hello", ContentType="text/plain", Metadata={"k": "v"})
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert put["ChecksumCRC32"] == "NhCmhg=="
    got = s3.get_object(Bucket=bucket, Key="a b/ü+%20")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"hello", "text/plain", {"k": "v"})
    part = s3.get_object(Bucket=bucket, Key="a b/ü+%20", Range="bytes=1-3")
    assert (part["Body"].read(), part["ContentRange"]) == (b"ell", "bytes 1-3/5")
    assert s3.get_object(Bucket=bucket, Key="a b/ü+%20", Range="bytes=-2")["Body"].read() == b"lo"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_is_checked_and_kept(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    wrong = {f"Checksum{algorithm}": "AAAA"}
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"y", **wrong) in ("BadDigest", "InvalidRequest")


def test_listings_page_and_roll_up(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for size in (1, 2, 1000):
        for version in ("list_objects_v2", "list_objects"):
            pages = s3.get_paginator(version).paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
            assert [o["Key"] for page in pages for o in page.get("Contents", [])] == KEYS
            pages = s3.get_paginator(version).paginate(
                Bucket=bucket, Delimiter="/", Prefix="in/", PaginationConfig={"PageSize": size}
            )
            found = [o["Key"] for page in pages for o in page.get("Contents", [])]
            assert found == ["in/1.ndjson", "in/2 b+%.ndjson"]
    rolled = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["in/", "out/"]
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="in/ü/3")
    assert [o["Key"] for o in after["Contents"]] == ["out/x"]


def test_a_large_file_goes_up_and_down_in_parts(s3, bucket):
    content = os.urandom(13_000_001)
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(content), bucket, "big", Config=parts)
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back, Config=parts)
    assert back.getvalue() == content
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=parts)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == content


def test_an_upload_can_be_listed_and_given_up(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=3, Body=b"x")
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)["Parts"]] == [3]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert code(s3.list_parts, Bucket=bucket, Key="k", UploadId=upload) == "NoSuchUpload"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_refusals_are_those_of_s3(s3, server, bucket):
    missing = f"missing-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    tag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert code(s3.get_object, Bucket=bucket, Key="no") == "NoSuchKey"
    assert code(s3.head_object, Bucket=bucket, Key="no") == "404"
    assert code(s3.list_objects_v2, Bucket=missing) == "NoSuchBucket"
    assert code(s3.put_object, Bucket=missing, Key="k", Body=b"") == "NoSuchBucket"
    assert code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=9-") == "InvalidRange"
    assert code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=tag) == "304"
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
    assert code(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    assert code(s3.create_bucket, Bucket="No_Bucket") == "InvalidBucketName"
    known = server.session.get_credentials()
    for key, secret, refusal in [
        ("AKIASTRANGER", known.secret_key, "InvalidAccessKeyId"),
        (known.access_key, "wrong", "SignatureDoesNotMatch"),
    ]:
        other = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
        assert code(other.client("s3", endpoint_url=server.endpoint).list_buckets) == refusal


def test_what_healthlake_asks_of_a_bucket_is_answered(s3, bucket):
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_a_presigned_url_opens_one_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert requests.get(url, timeout=60).content == b"hello"
    assert requests.get(url.replace("a%20b", "other"), timeout=60).status_code == 403


def test_many_objects_are_deleted_at_once_and_the_bucket_goes(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    named = [{"Key": key} for key in [*KEYS, "never"]]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": named})["Deleted"]) == 6
    s3.delete_bucket(Bucket=bucket)
    assert code(s3.delete_bucket, Bucket=bucket) == "NoSuchBucket"


# AWS CLI version 1 comes with the Python packages, version 2 from Debian.
CLIS = [str(pathlib.Path(sys.executable).parent / "aws"), "/usr/bin/aws"]


@pytest.mark.parametrize("cli", CLIS)
def test_the_aws_cli_copies_lists_moves_and_removes(server, tmp_path, cli):
    assert os.path.exists(cli), f"{cli} is missing: run `make test`"
    content = os.urandom(9_000_000)
    (tmp_path / "big.bin").write_bytes(content)
    (tmp_path / "dir/sub").mkdir(parents=True)
    (tmp_path / "dir/a").write_text("a")
    (tmp_path / "dir/sub/b").write_text("b")
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_SHARED_CREDENTIALS_FILE": str(server.data / "credentials"),
        "AWS_PROFILE": "tarn",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    bucket = f"cli-{uuid.uuid4().hex[:12]}"

    def aws(*arguments, stdin=None):
        command = [cli, "--endpoint-url", server.endpoint, "s3", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, input=stdin, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    aws("mb", f"s3://{bucket}")
    aws("cp", "big.bin", f"s3://{bucket}/big.bin")
    aws("cp", f"s3://{bucket}/big.bin", f"s3://{bucket}/copy.bin")
    aws("cp", f"s3://{bucket}/copy.bin", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    aws("sync", "dir", f"s3://{bucket}/dir/")
    aws("mv", f"s3://{bucket}/dir/a", f"s3://{bucket}/dir/c")
    names = [line.split()[-1] for line in aws("ls", "--recursive", f"s3://{bucket}/").decode().splitlines()]
    assert names == ["big.bin", "copy.bin", "dir/c", "dir/sub/b"]
    aws("cp", "-", f"s3://{bucket}/piped", stdin=b"piped")
    assert aws("cp", f"s3://{bucket}/piped", "-") == b"piped"
    aws("rb", "--force", f"s3://{bucket}")
