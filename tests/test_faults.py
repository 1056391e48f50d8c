"""Faults of the disk and of its users: a full disk, damaged files, two processes on one folder."""

import random
import shutil
import subprocess

import pytest

from conftest import Fhir, Server, binary, create_datastore

# Files may grow to 4 MiB, then writing fails as on a full disk. It needs no mount and no privilege.
LIMITED = ["bash", "-c", 'trap "" XFSZ; ulimit -f 4096; exec "$0" "$@"']


def patient(number, padding=0):
    text = random.Random(number).randbytes(padding // 2).hex()
    return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"F{number}", "text": text or "none"}]}


def check(data, *arguments):
    done = subprocess.run([binary(), "check", "--data", str(data), *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_full_disk_refuses_writes_clearly_loses_nothing_and_mends(tmp_path):
    """A batch that is torn by a full disk must not take those with it that are written behind it."""
    server = Server(tmp_path).start()
    base = create_datastore(server.client("healthlake"))["DatastoreEndpoint"]
    path = base.split("/datastore/")[1]
    fhir = lambda: Fhir(server, f"{server.endpoint}/datastore/{path}")
    assert fhir().put("Patient/p0", json=patient(0)).status_code == 201
    assert server.stop() == 0
    server = Server(tmp_path, prefix=LIMITED).start()
    acknowledged, refused = [0], None
    for number in range(1, 400):
        answer = fhir().put(f"Patient/p{number}", json=patient(number, 60_000))
        if answer.status_code != 201:
            refused = answer
            break
        acknowledged.append(number)
    assert refused is not None and len(acknowledged) > 10
    assert refused.status_code in (500, 503, 507), refused.text
    assert refused.json()["resourceType"] == "OperationOutcome"
    # Reads go on, also of what was written last.
    for number in (0, 1, acknowledged[-1]):
        assert fhir().get(f"Patient/p{number}").status_code == 200
    total = fhir().get("Patient?_summary=count").json()["total"]
    assert total == len(acknowledged)
    # Whatever is acknowledged from now on must stay, though a torn batch lies in the journal.
    for number in range(1000, 1010):
        if fhir().put(f"Patient/p{number}", json=patient(number)).status_code == 201:
            acknowledged.append(number)
    server.kill()
    server = Server(tmp_path).start()
    for number in acknowledged:
        assert fhir().get(f"Patient/p{number}").status_code == 200, number
    assert fhir().get("Patient?_summary=count").json()["total"] in (len(acknowledged), len(acknowledged) + 1)
    assert fhir().put("Patient/later", json={"resourceType": "Patient", "id": "later"}).status_code == 201
    server.was_killed = True
    assert server.stop() == 0


def test_a_second_process_on_a_folder_is_refused_by_name(tmp_path):
    server = Server(tmp_path).start()
    for command in (["serve", "--listen", "127.0.0.1:0"], ["check"]):
        done = subprocess.run([binary(), *command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0
        assert "another tarn uses the data folder" in done.stderr and str(tmp_path) in done.stderr, done.stderr
    assert create_datastore(server.client("healthlake"))["DatastoreStatus"] == "ACTIVE"
    assert server.stop() == 0


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A small folder with everything in it, as a kill left it, and what is in it."""
    home = tmp_path_factory.mktemp("image")
    server = Server(home / "live").start()
    store = create_datastore(server.client("healthlake"))
    fhir = Fhir(server, store["DatastoreEndpoint"])
    for number in range(40):
        assert fhir.put(f"Patient/p{number}", json=patient(number, 300)).status_code == 201
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket")
    for number in range(3):
        s3.put_object(Bucket="bucket", Key=f"o{number}", Body=f"object {number} ".encode() * 3000)
    server.kill()
    copy(home / "live", home / "image")
    return home / "image", store["DatastoreId"]


def copy(source, target):
    """Copies a folder, its journals without the zeros that no batch has been written to yet."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.jnl"))
    for path in source.rglob("*.jnl"):
        written = path.read_bytes().rstrip(b"\0")
        (target / path.relative_to(source)).write_bytes(written)


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def may_change(name):
    """What holds nothing: locks, and what the engine has replaced by a newer list."""
    return name.name in ("lock", ".lock") or (name.name.startswith("v") and "keyspaces" in name.parts)


def test_a_flipped_byte_in_any_file_of_the_folder_is_named(image, tmp_path):
    image, _ = image
    dice = random.Random(11)
    clean, text = check(copied(image, tmp_path / "clean"))
    assert clean == 0, text
    for name in files(image):
        content = (image / name).read_bytes()
        if not content or may_change(name):
            continue
        if name.name == "credentials" or "keyspaces" in name.parts and name.parts[-2] == "tables":
            # Keys that anybody may replace by others; tables that were merged away and are about to be removed.
            continue
        for _ in range(2):
            data = copied(image, tmp_path / "work")
            at = dice.randrange(len(content))
            flipped = bytearray(content)
            flipped[at] ^= 1 << dice.randrange(8)
            if name.name == "root.key" and flipped.strip().lower() == content.strip().lower():
                # The same hexadecimal digits, some of them capitals.
                continue
            (data / name).write_bytes(flipped)
            code, text = check(data)
            assert code != 0, f"{name} at {at}: {text}"
            assert "panicked" not in text, f"{name} at {at}: {text}"


def copied(source, target):
    copy(source, target)
    return target


def test_a_damaged_data_store_leaves_the_others_alone_and_is_repaired(image, tmp_path):
    image, identity = image
    data = copied(image, tmp_path / "work")
    (journal,) = (data / "stores" / identity).glob("*.jnl")
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 1
    journal.write_bytes(content)
    code, text = check(data)
    assert code != 0 and identity in text and f"{journal.name} at byte" in text, text

    server = Server(data).start()
    damaged = Fhir(server, f"{server.endpoint}/datastore/{identity}/r4/")
    assert damaged.get("Patient/p0").status_code == 500
    assert damaged.put("Patient/p0", json=patient(0)).status_code == 500
    other = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    assert other.put("Patient/p0", json=patient(0)).status_code == 201
    assert server.stop() == 0

    code, text = check(data, "--repair")
    assert code == 0 and "are kept" in text and "are lost" in text, text
    code, text = check(data)
    assert code == 0, text
    server = Server(data).start()
    mended = Fhir(server, f"{server.endpoint}/datastore/{identity}/r4/")
    kept = mended.get("Patient?_summary=count").json()["total"]
    assert 0 < kept < 40
    assert [mended.get(f"Patient/p{number}").status_code for number in range(40)] == [200] * kept + [404] * (40 - kept)
    assert mended.put("Patient/p39", json=patient(39)).status_code == 201
    assert server.stop() == 0


def test_what_is_missing_is_told_and_nothing_else_is_removed(image, tmp_path):
    """A catalog that was lost took all data stores with it: their folders had no key and were removed."""
    image, identity = image
    data = copied(image, tmp_path / "catalog")
    shutil.rmtree(data / "catalog")
    before = files(data)
    code, text = check(data)
    assert code != 0 and "catalog" in text, text
    assert set(before) <= set(files(data))
    data = copied(image, tmp_path / "store")
    shutil.rmtree(data / "stores" / identity)
    code, text = check(data)
    assert code != 0 and identity in text and "missing" in text, text
