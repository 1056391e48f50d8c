"""FHIR clients as people use them, unmodified: fhirpy and fhirclient (PyPI), fhir-kit-client and fhirclient (npm),
and smart-fetch, a bulk data client."""

import gzip
import json
import os
import pathlib
import subprocess
import warnings

import pytest

from conftest import ROOT, Server, create_datastore

warnings.filterwarnings("ignore", category=DeprecationWarning)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A data store of a server that takes unsigned requests: these clients do not sign as AWS does."""
    server = Server(tmp_path_factory.mktemp("open") / "data", "--open-fhir").start()
    try:
        yield create_datastore(server.client("healthlake"))["DatastoreEndpoint"]
        assert not any("panicked" in line for line in server.log), "".join(server.log)
    finally:
        server.stop()


def patient_of(client, given, **more):
    return client.resource("Patient", name=[{"given": [given], "family": "Fhirpy"}], **more)


def test_fhirpy_creates_reads_updates_searches_and_deletes(base):
    from fhirpy import SyncFHIRClient
    from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

    client = SyncFHIRClient(base)
    patient = patient_of(client, "Ann", identifier=[{"system": "urn:fhirpy", "value": "1"}])
    patient.save()
    assert patient.id and patient["meta"]["versionId"] == "1"
    patient["birthDate"] = "1990-05-01"
    patient.save()
    again = client.reference("Patient", patient.id).to_resource()
    assert again["birthDate"] == "1990-05-01" and again["meta"]["versionId"] == "2"
    assert again.serialize() == dict(client.get("Patient", patient.id))

    for number in range(7):
        observation = client.resource(
            "Observation",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            subject=patient.to_reference(),
            effectiveDateTime=f"2020-01-0{number + 1}",
        )
        observation.save()
    found = client.resources("Observation").search(patient=patient.id, date__ge="2020-01-03").sort("-date")
    dates = [one["effectiveDateTime"] for one in found.limit(2).fetch_all()]
    assert dates == ["2020-01-07", "2020-01-06", "2020-01-05", "2020-01-04", "2020-01-03"]
    # It counts with a parameter of another server's, which a client may have overlooked.
    lenient = SyncFHIRClient(base, extra_headers={"Prefer": "handling=lenient"})
    assert lenient.resources("Observation").search(patient=patient.id).count() == 7

    with_patient = client.resources("Observation").search(patient=patient.id).include("Observation", "subject")
    bundle = with_patient.fetch_raw()
    included = [one.resource.id for one in bundle.entry if one.search.mode == "include"]
    assert included == [patient.id]

    once = SyncFHIRClient(base, extra_headers={"If-None-Exist": "identifier=urn:fhirpy|1"})
    same = patient_of(once, "Ann")
    same.save()
    assert same.id == patient.id
    other = patient_of(client, "Bob", identifier=[{"system": "urn:fhirpy", "value": "2"}])
    updated, made = client.resources("Patient").search(identifier="urn:fhirpy|2").update(other)
    assert made and updated.id
    with pytest.raises(MultipleResourcesFound):
        client.resources("Patient").search(family="Fhirpy").get()
    with pytest.raises(OperationOutcome):
        client.resource("Patient", birthDate="yesterday").save()

    patching = SyncFHIRClient(base, extra_headers={"Content-Type": "application/json-patch+json"})
    operations = [{"op": "replace", "path": "/birthDate", "value": "1991-05-01"}]
    assert patching.execute(f"Patient/{patient.id}", "patch", data=operations)["birthDate"] == "1991-05-01"
    versions = client.execute(f"Patient/{patient.id}/_history", "get")
    assert [entry["resource"]["meta"]["versionId"] for entry in versions["entry"]] == ["3", "2", "1"]
    patient.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Patient", patient.id)


def test_fhirpy_posts_a_transaction(base):
    from fhirpy import SyncFHIRClient

    client = SyncFHIRClient(base)
    patient = patient_of(client, "Cid").serialize()
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "of a transaction"},
        "subject": {"reference": "urn:uuid:10ed3f8b-22ae-4c40-8352-6b8a0c76a0a1"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
            {
                "fullUrl": "urn:uuid:10ed3f8b-22ae-4c40-8352-6b8a0c76a0a1",
                "resource": patient,
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    }
    answer = client.execute("", "post", data=bundle)
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    made = client.execute(answer["entry"][0]["response"]["location"].removeprefix(base).split("/_history")[0], "get")
    assert client.reference(reference=made["subject"]["reference"]).to_resource()["name"][0]["given"] == ["Cid"]


def test_the_python_fhirclient_reads_the_capabilities_and_works(base):
    from fhirclient import client as smart
    from fhirclient.models.bundle import Bundle
    from fhirclient.models.fhirdate import FHIRDate
    from fhirclient.models.humanname import HumanName
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient
    from fhirclient.server import FHIRNotFoundException

    session = smart.FHIRClient(settings={"app_id": "tarn", "api_base": base})
    assert session.prepare() is True and session.ready
    statement = session.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1" and len(statement.rest[0].resource) > 140

    patient = Patient({"resourceType": "Patient"})
    patient.name = [HumanName({"family": "Smartclient", "given": ["Dee"]})]
    patient.id = patient.create(session.server)["id"]
    patient.birthDate = FHIRDate("1985-03-02")
    patient.update(session.server)
    assert Patient.read(patient.id, session.server).birthDate.isostring == "1985-03-02"
    for number in range(5):
        Observation(
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": str(number)},
                "subject": {"reference": f"Patient/{patient.id}"},
            }
        ).create(session.server)
    search = Observation.where({"patient": patient.id, "_count": "2"}).include("subject")
    pages = list(search.perform_iter(session.server))
    assert len(pages) == 3 and all(isinstance(page, Bundle) for page in pages)
    kinds = [entry.search.mode for page in pages for entry in page.entry]
    assert kinds.count("match") == 5 and kinds.count("include") == 3
    found = list(Patient.where({"family": "smartclient"}).perform_resources_iter(session.server))
    assert [one.id for one in found] == [patient.id]
    patient.delete(session.server)
    with pytest.raises(Exception) as gone:
        Patient.read(patient.id, session.server)
    assert "410" in str(gone.value) or isinstance(gone.value, FHIRNotFoundException)


def node(script, **environment):
    run = subprocess.run(
        [str(ROOT / "tests/js/node_modules/.bin/node"), script],
        cwd=ROOT / "tests/js",
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0 and run.stdout.strip() == "ok", run.stdout + run.stderr


def test_the_javascript_fhir_kit_client_does_everything(base):
    node("fhir_kit_client.mjs", BASE=base)


def test_the_javascript_fhirclient_does_everything(base):
    node("smart_client.mjs", BASE=base)


def smart_fetch():
    """The bulk data client, from an environment of its own: it wants other versions of what boto3 wants too."""
    path = os.environ.get("SMART_FETCH", str(ROOT / ".test/bulk/bin/smart-fetch"))
    assert os.path.exists(path), f"{path} is missing: run `make test`"
    return path


def test_a_bulk_data_client_exports_everything_and_a_group(base, tmp_path):
    import requests

    made = {}
    for given in ("Eve", "Fay"):
        body = {"resourceType": "Patient", "name": [{"given": [given], "family": "Bulk"}]}
        made[given] = requests.post(base + "Patient", json=body, timeout=60).json()["id"]
        condition = {
            "resourceType": "Condition",
            "subject": {"reference": f"Patient/{made[given]}"},
            "code": {"text": "bulk"},
        }
        assert requests.post(base + "Condition", json=condition, timeout=60).status_code == 201
    group = {
        "resourceType": "Group",
        "id": "bulk",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": f"Patient/{made['Eve']}"}}],
    }
    assert requests.put(base + "Group/bulk", json=group, timeout=60).status_code == 201

    def export(folder, *more):
        command = [smart_fetch(), "bulk", "--fhir-url", base, "--type", "Patient,Condition", *more, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        found = {}
        for path in pathlib.Path(folder).rglob("*.ndjson*"):
            if path.name.startswith("log."):
                continue
            text = gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()
            for line in filter(None, text.splitlines()):
                resource = json.loads(line)
                found.setdefault(resource["resourceType"], set()).add(resource["id"])
        return found

    everything = export(tmp_path / "all")
    assert set(made.values()) <= everything["Patient"] and len(everything["Condition"]) >= 2
    of_group = export(tmp_path / "group", "--group", "bulk")
    assert of_group["Patient"] == {made["Eve"]} and len(of_group["Condition"]) == 1
