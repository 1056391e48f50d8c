"""tarn's own command line, as a client of the running server."""

import io
import json
import re
import subprocess
import tarfile
import time

import pytest
import requests

from conftest import binary


@pytest.fixture
def tarn(server):
    def run(*arguments, fails=False):
        command = [binary(), *arguments, "--endpoint", server.endpoint, "--data", str(server.data)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        if fails:
            return done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run


def test_a_data_store_is_created_filled_emptied_into_files_and_deleted(tarn, tmp_path):
    made = tarn("datastore", "create", "by-hand", "--tag", "team=a", "--json")
    assert made["DatastoreStatus"] == "ACTIVE"
    assert made["DatastoreId"] in tarn("datastore", "list")
    assert made["DatastoreEndpoint"] in tarn("datastore", "describe", "by-hand")

    subprocess.run([binary(), "population", "--patients", "3", "--out", str(tmp_path / "in"), "--json"], check=True)
    job = tarn("import", str(tmp_path / "in"), "--datastore", "by-hand", "--json")
    lines = {path.name: path.read_text().count("\n") for path in (tmp_path / "in").iterdir()}
    assert job["JobProgressReport"]["TotalNumberOfResourcesImported"] == sum(lines.values())

    said = tarn("export", str(tmp_path / "out"), "--datastore", "by-hand")
    assert str(tmp_path / "out") in said
    exported = [path for path in (tmp_path / "out").rglob("*.ndjson")]
    assert sum(path.read_text().count("\n") for path in exported) == sum(lines.values())

    assert tarn("datastore", "delete", "by-hand", "--yes", "--json")["DatastoreStatus"] == "DELETED"
    assert made["DatastoreId"] not in tarn("datastore", "list")


def test_refused_lines_are_shown_and_fail_the_command(tarn, tmp_path):
    tarn("datastore", "create", "picky")
    file = tmp_path / "mixed.ndjson"
    file.write_text('{"resourceType":"Patient","id":"a"}\nnot json\n')
    tarn("import", str(file), "--datastore", "picky", fails=True)
    tarn("datastore", "delete", "picky", "--yes")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["datastore", "describe", "nobody-has-this-name"], "nobody-has-this-name"),
        (["datastore", "create", "x", "--tag", "no-equals-sign"], "KEY=VALUE"),
        (["datastore", "create", "semi;colon"], "ValidationException"),
        (["import", "/no/such/file", "--datastore", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tarn, arguments, told):
    assert told in tarn(*arguments, fails=True)


def test_without_a_server_the_sentence_says_so(server):
    command = [binary(), "datastore", "list", "--endpoint", "http://127.0.0.1:9", "--data", str(server.data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "tarn serve" in done.stderr


def test_the_same_seed_makes_the_same_patients(tmp_path):
    for name in ("one", "two"):
        command = [binary(), "population", "--patients", "5", "--seed", "9", "--out", str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) >= 15
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def packed(path, name, version, minimum):
    """A FHIR package of one profile, which asks for so many names."""
    profile = {
        "resourceType": "StructureDefinition",
        "url": "http://example.org/named",
        "version": version,
        "kind": "resource",
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": minimum}]},
    }
    manifest = {"name": name, "version": version, "fhirVersions": ["4.0.1"], "dependencies": {"no.such": "1.0.0"}}
    with tarfile.open(path, "w:gz") as archive:
        for file, content in (("package.json", manifest), ("StructureDefinition-named.json", profile)):
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{file}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_output_that_nobody_reads_any_more_ends_a_command_quietly(server):
    # More than a pipe holds.
    command = f"{binary()} package list --json --data {server.data}; echo $? >&2"
    loop = f"(for i in $(seq 40); do {command}; done) | head -1"
    done = subprocess.run(["bash", "-c", loop], capture_output=True, text=True)
    assert done.stdout == "[\n" and "panicked" not in done.stderr
    assert set(done.stderr.split()) <= {"0", "141"} and "141" in done.stderr, done.stderr


def test_packages_are_added_listed_and_removed_while_a_server_runs(server, tmp_path):
    def package(*arguments, fails=False):
        command = [binary(), "package", *arguments, "--data", str(server.data)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def loaded():
        text = requests.get(f"{server.endpoint}/metrics", timeout=10).text
        return int(re.search(r"^tarn_packages (\d+)$", text, re.M).group(1))

    def eventually(count):
        for _ in range(100):
            if loaded() == count:
                return
            time.sleep(0.1)
        raise AssertionError(f"the server sees {loaded()} packages, not {count}")

    folder = tmp_path / "in"
    folder.mkdir()
    packed(folder / "one.tgz", "org.example.named", "1.0.0", 1)
    packed(folder / "two.tgz", "org.example.named", "2.0.0", 2)
    come_along = loaded()
    said = package("add", str(folder))
    assert "added org.example.named@1.0.0: 1 definitions" in said and "no.such@1.0.0" in said
    eventually(come_along + 2)
    listed = [one for one in json.loads(package("list", "--json")) if one["name"] == "org.example.named"]
    assert [(one["version"], one["structures"]) for one in listed] == [("1.0.0", 1), ("2.0.0", 1)]
    package("remove", "org.example.named@1.0.0")
    eventually(come_along + 1)
    package("remove", "org.example.named")
    eventually(come_along)
    assert "org.example.named" in package("remove", "org.example.named", fails=True)
    (tmp_path / "broken.tgz").write_bytes(b"no archive")
    assert "broken.tgz" in package("add", str(tmp_path / "broken.tgz"), fails=True)
