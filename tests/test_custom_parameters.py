"""The whole life of a data store's own search parameters over HTTP, killed in the middle too, and $reindex."""

import json
import tempfile
import threading

import pytest

from conftest import Fhir, Server, create_datastore, wait_for

EYES = ["blue", "brown", "green"]
COUNT = 3000


def patient(number):
    extension = [{"url": "http://x/eye", "valueCode": EYES[number % 3]}]
    return {"resourceType": "Patient", "id": f"p{number}", "extension": extension}


def parameter(code, kind, expression, base="Patient", **more):
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"http://x/SearchParameter/{code}",
        "name": "Own",
        "status": "active",
        "description": "A parameter of this data store",
        "code": code,
        "base": [base],
        "type": kind,
        "expression": expression,
        **more,
    }


EYE = parameter("eye", "token", "Patient.extension.where(url='http://x/eye').value")


def batch(fhir, resources):
    for start in range(0, len(resources), 250):
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources[start : start + 250]
        ]
        answer = fhir.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == 200, answer.text


def ids(fhir, query):
    """The ids of all matches, page by page."""
    found, url = [], query
    while url:
        page = fhir.get(url)
        assert page.status_code == 200, page.text
        body = page.json()
        found += [entry["resource"]["id"] for entry in body.get("entry", []) if entry["search"]["mode"] == "match"]
        url = next((link["url"] for link in body["link"] if link["relation"] == "next"), None)
    assert len(found) == len(set(found))
    return set(found)


def serves(fhir, query):
    return wait_for(lambda: fhir.get(query), lambda answer: answer.status_code == 200)


def expected(count, eye):
    return {f"p{number}" for number in range(count) if EYES[number % 3] == eye}


@pytest.fixture(scope="module")
def own():
    with tempfile.TemporaryDirectory(prefix="tarn-test-") as data:
        server = Server(data).start()
        fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
        yield server, fhir
        assert server.stop() == 0, "".join(server.log)


def test_a_parameter_is_indexed_in_the_background_through_a_kill_and_serves(own):
    server, fhir = own
    batch(fhir, [patient(number) for number in range(COUNT)])
    assert fhir.get("Patient?eye=blue").status_code == 400
    assert fhir.put("SearchParameter/eye", json=EYE).status_code == 201
    early = fhir.get("Patient?eye=blue")
    if early.status_code != 200:
        assert early.status_code == 400 and early.json()["issue"][0]["code"] == "incomplete", early.text
    server.kill()
    server.start()
    stop, failures = threading.Event(), []

    def write():
        number = COUNT
        while not stop.is_set() or number < COUNT + 30:
            answer = fhir.put(f"Patient/p{number}", json=patient(number))
            if answer.status_code != 201:
                failures.append(answer.text)
            number += 1
        write.count = number

    writer = threading.Thread(target=write)
    writer.start()
    serves(fhir, "Patient?eye=blue")
    stop.set()
    writer.join()
    assert not failures
    for eye in EYES:
        assert ids(fhir, f"Patient?eye={eye}") == expected(write.count, eye)
    assert fhir.get("Patient/p0").json()["meta"]["versionId"] == "1"


def test_it_is_sorted_chained_and_told_of(own):
    _, fhir = own
    seen = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}}
    seen["subject"] = {"reference": "Patient/p0"}
    seen["extension"] = [{"url": "http://x/witness", "valueReference": {"reference": "Patient/p1"}}]
    assert fhir.put("Observation/o1", json=seen).status_code == 201
    assert ids(fhir, "Observation?subject:Patient.eye=blue") == {"o1"}
    assert ids(fhir, "Observation?subject:Patient.eye=green") == set()
    assert ids(fhir, "Patient?_has:Observation:subject:_id=o1&eye=blue") == {"p0"}
    first = fhir.get("Patient?_sort=-eye&_count=1").json()["entry"][0]["resource"]
    assert first["extension"][0]["valueCode"] == "green"
    expression = "Observation.extension.where(url='http://x/witness').value"
    witness = parameter("witness", "reference", expression, base="Observation", target=["Patient"])
    assert fhir.put("SearchParameter/witness", json=witness).status_code == 201
    serves(fhir, "Observation?witness=Patient/p1")
    found = fhir.get("Observation?_include=Observation:witness").json()
    assert {entry["resource"]["id"] for entry in found["entry"]} == {"o1", "p1"}
    statement = fhir.get("metadata").json()["rest"][0]["resource"]
    names = {one["type"]: [p["name"] for p in one.get("searchParam", [])] for one in statement}
    assert "eye" in names["Patient"] and "witness" in names["Observation"] and "eye" not in names["Observation"]


@pytest.mark.parametrize(
    "resource, element",
    [
        (parameter("birthdate", "date", "Patient.deceased"), "SearchParameter.code"),
        (parameter("x", "string", "Patient.name.select(frob)"), "SearchParameter.expression"),
        (parameter("x", "special", "Patient.name"), "SearchParameter.type"),
        (parameter("x", "string", "Patient.name", xpathUsage="phonetic"), "SearchParameter.xpathUsage"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_place(own, resource, element):
    _, fhir = own
    answer = fhir.put(f"SearchParameter/{resource['id']}", json=resource)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["expression"] == [element]
    assert fhir.get(f"SearchParameter/{resource['id']}").status_code == 404


def test_a_retired_parameter_serves_no_more_and_another_takes_its_code(own):
    _, fhir = own
    assert fhir.put("SearchParameter/eye", json={**EYE, "status": "retired"}).status_code == 200
    assert fhir.get("Patient?eye=blue").status_code == 400
    other = parameter("eye", "token", "Patient.id")
    assert fhir.put("SearchParameter/eye", json=other).status_code == 200
    serves(fhir, "Patient?eye=p7")
    assert ids(fhir, "Patient?eye=p7") == {"p7"} and ids(fhir, "Patient?eye=blue") == set()
    assert fhir.delete("SearchParameter/eye").status_code == 204
    assert fhir.get("Patient?eye=p7").status_code == 400


@pytest.mark.parametrize("path", ["$reindex", "$reindex?type=Patient,Observation", "Patient/$reindex", "Patient/p1/$reindex"])
def test_reindex_tells_how_far_it_is(own, path):
    _, fhir = own
    begun = fhir.post(path)
    assert begun.status_code == 202, begun.text
    address = begun.headers["Content-Location"]
    ended = wait_for(lambda: fhir.get(address), lambda answer: answer.status_code == 200)
    job = ended.json()["reindexJobProperties"]
    assert job["jobStatus"] == "COMPLETED" and job["resourcesIndexed"] >= job["resourcesTotal"] > 0, json.dumps(job)
    assert ids(fhir, "Patient?_id=p1") == {"p1"}
    assert fhir.get("Patient/p1").json()["meta"]["versionId"] == "1"


def test_reindex_refuses_what_is_not_there(own):
    _, fhir = own
    assert fhir.post("Patient/none/$reindex").status_code == 404
    assert fhir.post("$reindex?type=Frob").status_code == 400
    assert fhir.get("$reindex/" + "0" * 32).status_code == 404


def test_an_expression_that_is_no_walk_along_names_finds_too(fhir):
    own = parameter("tall", "token", "Patient.extension('http://x/height').value.ofType(Quantity).where(value > 180).exists()")
    assert fhir.put("SearchParameter/tall", json=own).status_code == 201
    for name, value in [("small", 150), ("large", 195)]:
        height = [{"url": "http://x/height", "valueQuantity": {"value": value, "unit": "cm"}}]
        assert fhir.put(f"Patient/{name}", json={"resourceType": "Patient", "id": name, "extension": height}).status_code == 201
    found = wait_for(lambda: fhir.get("Patient?tall=true"), lambda answer: answer.status_code == 200)
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == ["large"]
    clock = parameter("young", "token", "Patient.birthDate > today() - 18 years")
    refused = fhir.put("SearchParameter/young", json=clock)
    assert refused.status_code == 422 and "depends on the time" in refused.text
