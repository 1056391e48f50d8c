"""`tarn backup` and `tarn restore`: what comes back is what there was, or nothing."""

import json
import pathlib
import shutil
import subprocess
import threading

import pytest
from conftest import Fhir, Server, binary, create_datastore, wait_for


def tarn(server, *arguments, endpoint=True, check=True):
    """A command of the command line, answered in JSON."""
    command = [binary(), *arguments, "--json", "--data", str(server.data)]
    if endpoint:
        command += ["--endpoint", server.endpoint]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if not check:
        return done
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def started(tmp_path):
    servers = []

    def start(name="data"):
        servers.append(Server(tmp_path / name).start())
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() == 0, "".join(server.log)
        assert not any("panicked" in line for line in server.log), "".join(server.log)


def fill(fhir, count=60):
    entries = [
        {
            "resource": {
                "resourceType": "Patient",
                "id": f"p{n}",
                "name": [{"family": f"Family{n % 7}", "given": [f"Given{n}"]}],
                "birthDate": f"19{50 + n % 50}-01-02",
            },
            "request": {"method": "PUT", "url": f"Patient/p{n}"},
        }
        for n in range(count)
    ]
    entries += [
        {
            "resource": {
                "resourceType": "Observation",
                "id": f"o{n}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": f"{n % 5}"}]},
                "subject": {"reference": f"Patient/p{n % count}"},
            },
            "request": {"method": "PUT", "url": f"Observation/o{n}"},
        }
        for n in range(count)
    ]
    done = fhir.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert done.status_code == 200, done.text
    assert fhir.delete("Patient/p3").status_code == 204
    for _ in range(3):
        patient = fhir.get("Patient/p5").json()
        assert fhir.put("Patient/p5", json={**patient, "active": True}).status_code == 200


QUESTIONS = [
    "Patient?_sort=birthdate&_count=100",
    "Patient?family=Family2&_count=100",
    "Observation?code=http://loinc.org|3&_count=100",
    "Observation?subject:Patient.family=Family2&_count=100",
    "Patient?_has:Observation:subject:code=3&_count=100",
    "Patient?_id=p5&_revinclude=Observation:subject",
    "_history?_count=100",
    "Patient/p5/_history",
    "Patient/p3/_history",
]


def contents(fhir):
    """Everything that readers see, without the data store's own address."""
    answers = {}
    for question in QUESTIONS:
        answer = fhir.get(question)
        assert answer.status_code == 200, answer.text
        bundle = json.loads(answer.text.replace(fhir.base, "BASE/"))
        for name in ("link", "id", "meta", "timestamp"):
            bundle.pop(name, None)
        answers[question] = bundle
    return answers


def restored(server, told):
    found = server.client("healthlake").describe_fhir_datastore(DatastoreId=told["datastoreId"])
    found = found["DatastoreProperties"]
    assert found["DatastoreStatus"] == "ACTIVE"
    return found, Fhir(server, found["DatastoreEndpoint"])


def test_what_is_restored_is_what_there_was_and_a_second_backup_is_small(started, tmp_path):
    server = started()
    store = create_datastore(
        server.client("healthlake"), DatastoreName="wards", Tags=[{"Key": "unit", "Value": "7"}]
    )
    fhir, target = Fhir(server, store["DatastoreEndpoint"]), str(tmp_path / "backups")
    fill(fhir)
    before = contents(fhir)
    [first] = tarn(server, "backup", target, "--datastore", "wards")
    assert first["pieces"] == first["piecesWritten"] > 0

    # Nothing happened: nothing is written but the manifest.
    [second] = tarn(server, "backup", target, "--datastore", "wards")
    assert (second["piecesWritten"], second["pieces"]) == (0, first["pieces"])

    fhir.post("Patient", json={"resourceType": "Patient"})
    [third] = tarn(server, "backup", target, "--datastore", "wards")
    assert 0 < third["piecesWritten"] <= third["pieces"]

    told = tarn(server, "restore", target, "--backup", first["backup"], "--name", "again")
    found, again = restored(server, told)
    assert (found["DatastoreName"], told["notices"]) == ("again", [])
    tags = server.client("healthlake").list_tags_for_resource(ResourceARN=found["DatastoreArn"])["Tags"]
    assert tags == [{"Key": "unit", "Value": "7"}]
    assert contents(again) == before
    assert contents(fhir) != before, "the newest state is another"
    assert again.post("Patient", json={"resourceType": "Patient"}).status_code == 201

    # Only the newest is kept, and it is whole.
    [pruned] = tarn(server, "backup", target, "--datastore", "wards", "--prune", "1")
    assert pruned["filesRemoved"] >= 3
    assert len(list(pathlib.Path(target).glob("*/manifests/*"))) == 1
    _, newest = restored(server, tarn(server, "restore", target))
    assert contents(newest) == contents(fhir)
    server.kill()  # so that stopping checks the folder
    server.start()


def test_a_backup_under_load_is_one_moment(started, tmp_path):
    """Every transaction writes two patients: a backup has both or neither, and every acknowledged write before it."""
    server = started()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    done, stop = [0] * 4, threading.Event()

    def write(worker):
        while not stop.is_set():
            n = done[worker]
            entries = [
                {
                    "resource": {"resourceType": "Patient", "id": f"w{worker}-{n}-{half}"},
                    "request": {"method": "PUT", "url": f"Patient/w{worker}-{n}-{half}"},
                }
                for half in "ab"
            ]
            answer = fhir.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert answer.status_code == 200
            done[worker] = n + 1

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    [thread.start() for thread in threads]
    wait_for(lambda: min(done), lambda least: least > 5)
    acknowledged = list(done)
    target = str(tmp_path / "backups")
    tarn(server, "backup", target)
    while_backing_up = list(done)
    stop.set()
    [thread.join() for thread in threads]
    _, again = restored(server, tarn(server, "restore", target))
    ids, page = set(), again.get("Patient?_count=100").json()
    while True:
        ids |= {entry["resource"]["id"] for entry in page.get("entry", [])}
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = again.get(following[0]).json()
    for worker in range(4):
        there = [n for n in range(done[worker]) if f"w{worker}-{n}-a" in ids]
        assert there == [n for n in range(done[worker]) if f"w{worker}-{n}-b" in ids], "no half transaction"
        assert there == list(range(len(there))), "no gap"
        assert acknowledged[worker] <= len(there) <= while_backing_up[worker] + 1


def test_a_damaged_or_incomplete_backup_leaves_no_data_store_behind_and_names_the_piece(started, tmp_path):
    server = started()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    fill(fhir, 10)
    target = tmp_path / "backups"
    tarn(server, "backup", str(target))
    pieces = sorted(target.glob("*/pieces/*"))
    count = len(server.client("healthlake").list_fhir_datastores()["DatastorePropertiesList"])
    for damage in ("flipped", "cut", "gone"):
        copy = tmp_path / damage
        shutil.copytree(target, copy)
        victim = sorted(copy.glob("*/pieces/*"))[1]
        held = bytearray(victim.read_bytes())
        if damage == "flipped":
            held[len(held) // 2] ^= 1
            victim.write_bytes(held)
        elif damage == "cut":
            victim.write_bytes(held[:-1])
        else:
            victim.unlink()
        refused = tarn(server, "restore", str(copy), check=False)
        assert refused.returncode != 0
        assert pieces[1].name in refused.stderr, refused.stderr
    manifest = next(target.glob("*/manifests/*"))
    told = json.loads(manifest.read_text())
    told["pieces"].pop()
    manifest.write_text(json.dumps(told))
    refused = tarn(server, "restore", str(target), check=False)
    assert refused.returncode != 0 and "manifest" in refused.stderr, refused.stderr
    assert len(server.client("healthlake").list_fhir_datastores()["DatastorePropertiesList"]) == count
    assert list((server.data / "removed").iterdir()) == []


def test_another_machine_needs_the_root_key(started, tmp_path):
    here, there = started("here"), started("there")
    fhir = Fhir(here, create_datastore(here.client("healthlake"), DatastoreName="x")["DatastoreEndpoint"])
    fill(fhir, 10)
    before, target = contents(fhir), str(tmp_path / "backups")
    tarn(here, "backup", target)
    refused = tarn(there, "restore", target, check=False)
    assert refused.returncode != 0 and "another root key" in refused.stderr, refused.stderr
    wrong = tarn(there, "restore", target, "--root-key", str(there.data / "root.key"), check=False)
    assert wrong.returncode != 0 and "another root key" in wrong.stderr, wrong.stderr
    _, again = restored(there, tarn(there, "restore", target, "--root-key", str(here.data / "root.key")))
    assert contents(again) == before


def test_all_data_stores_go_to_a_bucket_and_come_back(started):
    server = started()
    server.client("s3").create_bucket(Bucket="vault")
    stores = [create_datastore(server.client("healthlake"), DatastoreName=name) for name in ("one", "two")]
    seen = []
    for store in stores:
        fhir = Fhir(server, store["DatastoreEndpoint"])
        fill(fhir, 10)
        seen.append(contents(fhir))
    told = tarn(server, "backup", "s3://vault/nightly", "--all")
    assert {one["datastoreId"] for one in told} == {store["DatastoreId"] for store in stores}
    refused = tarn(server, "restore", "s3://vault/nightly", check=False)
    assert refused.returncode != 0 and "--datastore" in refused.stderr
    for store, before in zip(stores, seen):
        told = tarn(server, "restore", "s3://vault/nightly", "--datastore", store["DatastoreId"])
        assert contents(restored(server, told)[1]) == before


def test_offline_a_data_folder_is_backed_up_and_restored_into(started, tmp_path):
    server = started()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    fill(fhir, 10)
    before, target = contents(fhir), str(tmp_path / "backups")
    running = tarn(server, "backup", target, "--offline", endpoint=False, check=False)
    assert running.returncode != 0 and "another tarn" in running.stderr
    assert server.stop() == 0
    tarn(server, "backup", target, "--offline", endpoint=False)
    told = tarn(server, "restore", target, "--offline", endpoint=False)
    server.start()
    assert contents(restored(server, told)[1]) == before
