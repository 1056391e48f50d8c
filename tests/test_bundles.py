"""Batches and transactions of the built binary, with the Bundles that Synthea makes and with awkward ones."""

import base64
import gzip
import json

import pytest

from conftest import ROOT, Fhir, Server, create_datastore, wait_for

BUNDLES = ROOT / "testdata/synthea/bundles"


def load(name):
    return json.loads(gzip.open(BUNDLES / f"{name}.json.gz").read())


def bundle(kind, *entries):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method, url, resource=None, full_url=None, **more):
    made = {"request": {"method": method, "url": url, **more}}
    if resource:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def patient(identifier, **more):
    return {"resourceType": "Patient", "identifier": [{"system": "urn:bundles", "value": identifier}], **more}


def statuses(answer):
    assert answer.status_code == 200, answer.text[:2000]
    return [one["response"]["status"] for one in answer.json().get("entry", [])]


def locations(answer):
    return [one["response"].get("location", "").split("/_history/")[0] for one in answer.json()["entry"]]


def references(value):
    """Every literal reference in a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def reads(fhir, keys):
    """Reads resources, many in a request."""
    keys = list(keys)
    for start in range(0, len(keys), 400):
        asked = bundle("batch", *(entry("GET", key) for key in keys[start : start + 400]))
        answer = fhir.post("", json=asked)
        assert set(statuses(answer)) <= {"200"}, [
            (key, one["response"]["status"])
            for key, one in zip(keys[start:], answer.json()["entry"])
            if one["response"]["status"] != "200"
        ][:5]
        yield from (one["resource"] for one in answer.json()["entry"])


def every_reference_resolves(fhir, answer, count):
    keys = locations(answer)
    assert len(keys) == count
    targets = set()
    for resource in reads(fhir, keys):
        for reference in references(resource):
            if not reference.startswith("#"):
                targets.add(reference)
    assert targets and not [one for one in targets if one.startswith("urn:") or "?" in one]
    for _ in reads(fhir, sorted(targets)):
        pass


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server that takes larger Bundles than usual, and a data store of it."""
    folder = tmp_path_factory.mktemp("bundles") / "data"
    server = Server(folder, "--bundle-entries-max", "2000").start()
    datastore = create_datastore(server.client("healthlake"))
    yield Fhir(server, datastore["DatastoreEndpoint"])
    assert server.stop() == 0


def test_synthea_of_2019_posts_as_it_is(own):
    posted = load("v2.4-2019-patient")
    # US Core's race does not have the code that Synthea gave in those days.
    refused = own.post("", json=posted)
    assert refused.status_code == 400 and "omb-race-category" in refused.text
    answer = own.post("", json=posted, headers={"x-amzn-healthlake-fhir-validation-level": "structure-only"})
    assert set(statuses(answer)) == {"201"}
    every_reference_resolves(own, answer, len(posted["entry"]))


def test_synthea_of_2021_finds_its_hospitals_and_practitioners(own):
    for name in ["hospitals", "practitioners"]:
        assert set(statuses(own.post("", json=load(f"v2.7-2021-{name}")))) <= {"200", "201"}
    before = own.get("Practitioner?_total=accurate&_count=1").json()["total"]
    again = statuses(own.post("", json=load("v2.7-2021-practitioners")))
    assert "200" in again, "a conditional create finds what is there"
    assert own.get("Practitioner?_total=accurate&_count=1").json()["total"] == before
    for number in [1, 2]:
        posted = load(f"v2.7-2021-patient-{number}")
        answer = own.post("", json=posted)
        assert set(statuses(answer)) == {"201"}
        every_reference_resolves(own, answer, len(posted["entry"]))


def test_a_refused_transaction_stores_nothing(fhir):
    bad = {"resourceType": "Patient", "birthDate": "yesterday"}
    answer = fhir.post(
        "", json=bundle("transaction", entry("POST", "Patient", patient("refused")), entry("POST", "Patient", bad))
    )
    assert answer.status_code == 400
    expressions = [path for issue in answer.json()["issue"] for path in issue.get("expression", [])]
    assert "Bundle.entry[1].resource.birthDate" in expressions
    assert "entry" not in fhir.get("Patient?identifier=urn:bundles|refused").json()


def test_a_batch_does_what_it_can(fhir):
    patch = base64.b64encode(b'[{"op":"add","path":"/active","value":true}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
    answer = fhir.post(
        "",
        json=bundle(
            "batch",
            entry("PUT", "Patient/batch-1", patient("batch", id="batch-1")),
            entry("PATCH", "Patient/batch-1", binary),
            entry("GET", "Patient/batch-none"),
            entry("GET", "Patient?identifier=urn:bundles|batch"),
            entry("POST", "Patient", patient("batch"), ifNoneExist="identifier=urn:bundles|batch"),
            entry("DELETE", "Patient/batch-1"),
        ),
    )
    assert statuses(answer) == ["201", "200", "404", "200", "200", "204"]
    assert answer.json()["entry"][3]["resource"]["entry"][0]["resource"]["active"] is True


def test_limits_are_those_of_the_settings(own, fhir):
    def posted(count):
        return bundle("transaction", *(entry("GET", "Patient?_id=none") for _ in range(count)))

    assert fhir.post("", json=posted(501)).status_code == 422
    assert len(statuses(fhir.post("", json=posted(500)))) == 500
    assert len(statuses(own.post("", json=posted(501)))) == 501
    assert own.post("", json=posted(2001)).status_code == 422
    assert fhir.post("", data=b" " * (5 * 1024 * 1024 + 1)).status_code == 413


def test_a_transaction_survives_a_kill(tmp_path):
    server = Server(tmp_path / "data").start()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    posted = bundle("transaction", *(entry("POST", "Patient", patient(str(at))) for at in range(100)))
    keys = locations(fhir.post("", json=posted))
    server.kill()
    server.start()
    assert len(list(reads(fhir, keys))) == 100
    server.stop()


def test_an_asynchronous_transaction_survives_a_kill(tmp_path):
    server = Server(tmp_path / "data").start()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    addresses = []
    for number in range(20):
        entries = [entry("POST", "Patient", patient(f"{number}-{at}")) for at in range(50)]
        answer = fhir.post("", json=bundle("transaction", *entries), headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        assert answer.json()["issue"][0]["diagnostics"] == "Submitted Asynchronous Bundle Transaction"
        addresses.append(answer.headers["Content-Location"])
    server.kill()
    server.start()
    for address in addresses:
        answer = wait_for(lambda: fhir.get(address), lambda found: found.status_code != 202)
        assert set(statuses(answer)) == {"201"}
        assert len(list(reads(fhir, locations(answer)))) == 50
    assert fhir.get("Patient?_total=accurate&_count=1").json()["total"] == 20 * 50
    server.stop()
