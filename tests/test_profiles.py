"""Profiles: the guides that come along, and those of a data store's own choice, on writes, in Bundles, by $validate."""

import json
import subprocess

import pytest

from conftest import Fhir, binary, create_datastore

CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
LEVEL = "x-amzn-healthlake-fhir-validation-level"


def patient(profile=CORE + "us-core-patient", **more):
    found = {
        "resourceType": "Patient", "meta": {"profile": [profile]}, "gender": "female",
        "identifier": [{"system": "http://example.org/mrn", "value": "1"}], "name": [{"family": "Beck"}]}
    return {name: value for name, value in {**found, **more}.items() if value is not None}


def faults(answer, status=400):
    assert answer.status_code == status, answer.text
    outcome = answer.json()
    # The first of a refusal only says that there are others.
    errors = [issue for issue in outcome["issue"] if issue["severity"] == "error" and "expression" in issue]
    return [(issue["expression"][0], issue["diagnostics"]) for issue in errors]


def test_a_write_meets_the_profiles_that_it_claims(fhir):
    assert fhir.post("Patient", json=patient()).status_code == 201
    assert fhir.post("Patient", json=patient(CORE + "us-core-patient|6.1.0")).status_code == 201
    (at, words), = faults(fhir.post("Patient", json=patient(identifier=None)))
    assert at == "Patient" and "Patient.identifier: minimum required = 1" in words and "us-core-patient|3.1.1" in words
    assert fhir.post("Patient", json=patient(identifier=None), headers={LEVEL: "structure-only"}).status_code == 201
    (at, words), = faults(fhir.post("Patient", json=patient("http://example.org/ours")))
    assert (at, words) == ("Patient.meta.profile[0]", "The profile http://example.org/ours is not known here.")
    race = {"url": CORE + "us-core-race", "extension": [{"url": "text", "valueString": "x"}, {"url": "text", "valueString": "y"}]}
    (at, words), = faults(fhir.post("Patient", json={"resourceType": "Patient", "extension": [race]}))
    assert at == "Patient.extension[0]" and "max allowed = 1" in words
    (at, words), = faults(fhir.post("Group", json={"resourceType": "Group", "type": "person", "actual": True, "extension": [
        {**race, "extension": race["extension"][:1]}]}))
    assert at == "Group.extension[0]" and "may not be used here" in words


def test_an_update_and_a_patch_stay_within_the_profile(fhir):
    made = fhir.post("Patient", json=patient()).json()
    del made["identifier"]
    assert len(faults(fhir.put(f"Patient/{made['id']}", json=made))) == 1
    patched = fhir.request(
        "PATCH", f"Patient/{made['id']}", data=json.dumps([{"op": "remove", "path": "/name"}]),
        headers={"Content-Type": "application/json-patch+json"})
    assert any("Patient.name" in words for _, words in faults(patched, 422))
    assert fhir.get(f"Patient/{made['id']}").json()["meta"]["versionId"] == "1"


def test_a_transaction_with_one_that_does_not_meet_its_profile_changes_nothing(fhir):
    entry = lambda resource: {"resource": resource, "request": {"method": "POST", "url": "Patient"}}
    bundle = lambda of: {"resourceType": "Bundle", "type": of, "entry": [
        entry(patient(name=[{"family": "Once"}])), entry(patient(name=[{"family": "Once"}], identifier=None))]}
    assert fhir.post("", json=bundle("transaction")).status_code == 400
    assert fhir.get("Patient?family=Once&_total=accurate").json()["total"] == 0
    answers = [entry["response"]["status"][:3] for entry in fhir.post("", json=bundle("batch")).json()["entry"]]
    assert answers == ["201", "400"]


def test_validate_says_what_a_write_would(fhir):
    answer = fhir.post("Patient/$validate", json=patient(identifier=None))
    assert len(faults(answer, 200)) == 1
    plain = patient(identifier=None, meta=None)
    assert faults(fhir.post("Patient/$validate", json=plain), 200) == []
    assert len(faults(fhir.post(f"Patient/$validate?profile={CORE}us-core-patient|5.0.1", json=plain), 200)) == 1
    assert fhir.post("Patient/$validate?profile=http://example.org/none", json=plain).status_code == 404


@pytest.mark.parametrize("default, is_fine", [(None, True), ("us-core-3.1.1", True), ("us-core-6.1.0", False)])
def test_a_data_store_chooses_what_a_profile_without_version_means(server, healthlake, default, is_fine):
    chosen = {"ProfileConfiguration": {"DefaultProfiles": [default]}} if default else {}
    own = Fhir(server, create_datastore(healthlake, **chosen)["DatastoreEndpoint"])
    # 3.1.1 asks for `issued`; 6.1.0 for `effective[x]`.
    smoking = {
        "resourceType": "Observation", "meta": {"profile": [CORE + "us-core-smokingstatus"]}, "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "social-history"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}]}, "subject": {"reference": "Patient/1"},
        "issued": "2026-01-01T00:00:00Z",
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "266919005"}]}}
    answer = own.post("Observation", json=smoking)
    assert (answer.status_code == 201) == is_fine, answer.text
    if not is_fine:
        assert "us-core-smokingstatus|6.1.0" in answer.text


def test_the_guides_that_come_along_are_listed_and_stay(server):
    command = lambda *arguments: subprocess.run(
        [binary(), "package", *arguments, "--data", str(server.data)], capture_output=True, text=True)
    listed = json.loads(command("list", "--json").stdout)
    assert {row["version"] for row in listed if row["name"] == "hl7.fhir.us.core"} == {"3.1.1", "4.0.0", "5.0.1", "6.1.0", "7.0.0"}
    assert all(row["comesAlong"] for row in listed if row["name"] == "hl7.fhir.us.core")
    removed = command("remove", "hl7.fhir.us.core@3.1.1")
    assert removed.returncode != 0 and "comes along" in removed.stderr
