"""FHIR operations of the built binary: everything about a patient, documents, deletions in the background."""

import time

import pytest

from conftest import Fhir, Server, create_datastore


@pytest.fixture
def chart(fhir):
    """A patient with a practitioner, an encounter and observations; a function that names them."""
    practitioner = fhir.post("Practitioner", json={"resourceType": "Practitioner"}).json()["id"]
    patient = fhir.post(
        "Patient",
        json={"resourceType": "Patient", "generalPractitioner": [{"reference": f"Practitioner/{practitioner}"}]},
    ).json()["id"]
    about = {"reference": f"Patient/{patient}"}
    encounter = fhir.post(
        "Encounter",
        json={"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": about},
    ).json()["id"]
    observations = []
    for year in range(2015, 2021):
        made = fhir.post(
            "Observation",
            json={
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "pulse"},
                "subject": about,
                "encounter": {"reference": f"Encounter/{encounter}"},
                "effectiveDateTime": str(year),
            },
        )
        assert made.status_code == 201, made.text
        observations.append(made.json()["id"])
    return {
        "Patient": patient,
        "Practitioner": practitioner,
        "Encounter": encounter,
        "Observation": sorted(observations),
    }


def keys(answer):
    assert answer.status_code == 200, answer.text
    resources = [entry["resource"] for entry in answer.json().get("entry", [])]
    return [f"{one['resourceType']}/{one['id']}" for one in resources]


def finished(fhir, operation, started):
    """Waits for a job's end."""
    assert started.status_code == 202, started.text
    job = started.json()["jobId"]
    for _ in range(300):
        status = fhir.get(f"{operation}/{job}")
        assert status.status_code == 200, status.text
        if status.json()["status"] not in ("SUBMITTED", "QUEUED", "IN_PROGRESS"):
            return status.json()
        time.sleep(0.1)
    raise AssertionError(f"{operation} did not end")


def everything_of(chart):
    return (
        [f"Encounter/{chart['Encounter']}"]
        + [f"Observation/{one}" for one in chart["Observation"]]
        + [f"Patient/{chart['Patient']}", f"Practitioner/{chart['Practitioner']}"]
    )


def test_everything_comes_in_pages_in_order(fhir, chart):
    answer = fhir.get(f"Patient/{chart['Patient']}/$everything?_count=4")
    found, total = keys(answer), answer.json()["total"]
    assert len(found) == 4
    while True:
        links = {one["relation"]: one["url"] for one in answer.json()["link"]}
        if "next" not in links:
            break
        answer = fhir.get(links["next"])
        assert answer.json()["total"] == total
        found += keys(answer)
    assert found == everything_of(chart)
    assert total == len(found)


def test_everything_is_narrowed_by_dates_and_types(fhir, chart):
    path = f"Patient/{chart['Patient']}/$everything"
    dated = keys(fhir.get(path + "?start=2018-01-01&end=2018-12-31&_type=Observation"))
    assert len(dated) == 1
    of_encounter = keys(fhir.get(f"Encounter/{chart['Encounter']}/$everything"))
    assert set(of_encounter) == set(everything_of(chart)) - {f"Practitioner/{chart['Practitioner']}"}


def test_a_patient_that_was_purged_is_gone_with_every_version(fhir, chart):
    gone = chart["Observation"][0]
    assert fhir.delete(f"Observation/{gone}").status_code == 204
    ended = finished(fhir, "$purge", fhir.post(f"Patient/{chart['Patient']}/$purge"))
    assert ended["status"] == "COMPLETED", ended
    assert set(ended) == {"datastoreId", "jobId", "status", "submittedTime"}
    for key in everything_of(chart):
        expected = 200 if key.startswith("Practitioner/") else 404
        assert fhir.get(key).status_code == expected, key
        assert fhir.get(f"{key}/_history/1").status_code == expected, key
    assert fhir.get(f"Observation?subject=Patient/{chart['Patient']}").json()["total"] == 0
    assert fhir.post(f"Patient/{chart['Patient']}/$purge").status_code == 404
    again = fhir.put(f"Patient/{chart['Patient']}", json={"resourceType": "Patient", "id": chart["Patient"]})
    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"1"')


def test_one_version_is_erased_and_the_others_stay(fhir, chart):
    key = f"Patient/{chart['Patient']}"
    for given in ("Ann", "Bea"):
        body = {"resourceType": "Patient", "id": chart["Patient"], "name": [{"given": [given]}]}
        assert fhir.put(key, json=body).status_code == 200
    assert fhir.post(f"{key}/_history/3/$erase").status_code == 409
    assert finished(fhir, "$erase", fhir.post(f"{key}/_history/2/$erase"))["status"] == "COMPLETED"
    assert [fhir.get(f"{key}/_history/{version}").status_code for version in (1, 2, 3)] == [200, 404, 200]


def test_a_type_is_deleted_in_the_background(fhir):
    for _ in range(5):
        assert fhir.post("Basic", json={"resourceType": "Basic", "code": {"text": "a"}}).status_code == 201
    kept = fhir.get("Basic").json()["entry"][0]["resource"]["id"]
    assert finished(fhir, "$bulk-delete", fhir.post("Basic/$bulk-delete"))["status"] == "COMPLETED"
    assert fhir.get("Basic").json()["total"] == 0
    assert fhir.get(f"Basic/{kept}").status_code == 410
    assert fhir.get(f"Basic/{kept}/_history/1").status_code == 200
    hard = fhir.post("Basic/$bulk-delete?isHardDelete=true")
    assert finished(fhir, "$bulk-delete", hard)["status"] == "COMPLETED"
    assert fhir.get(f"Basic/{kept}").status_code == 404
    assert fhir.get(f"Basic/{kept}/_history/1").status_code == 404


def test_a_deletion_goes_on_after_a_kill_and_the_folder_checks_clean(tmp_path):
    server = Server(tmp_path / "data").start()
    datastore = create_datastore(server.client("healthlake"))
    fhir = Fhir(server, datastore["DatastoreEndpoint"])
    entries = [
        {"resource": {"resourceType": "Basic", "code": {"text": "a"}}, "request": {"method": "POST", "url": "Basic"}}
        for _ in range(400)
    ]
    for _ in range(3):
        made = fhir.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert made.status_code == 200, made.text
    started = fhir.post("Basic/$bulk-delete?isHardDelete=true")
    server.kill()
    server.start()
    assert finished(fhir, "$bulk-delete", started)["status"] == "COMPLETED"
    assert fhir.get("Basic/_history?_count=1").json().get("entry", []) == []
    server.stop()


def test_a_document_is_put_together_and_kept(fhir, chart):
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "note"},
        "date": "2020",
        "title": "A note",
        "subject": {"reference": f"Patient/{chart['Patient']}"},
        "author": [{"reference": f"Practitioner/{chart['Practitioner']}"}],
    }
    made = fhir.post("Composition", json=composition).json()["id"]
    document = fhir.get(f"Composition/{made}/$document")
    assert document.json()["type"] == "document"
    assert keys(document)[0] == f"Composition/{made}"
    assert set(keys(document)[1:]) == {f"Patient/{chart['Patient']}", f"Practitioner/{chart['Practitioner']}"}
    kept = fhir.post(f"Composition/{made}/$document?persist=true").json()["id"]
    assert fhir.get(f"Bundle/{kept}").json()["type"] == "document"
