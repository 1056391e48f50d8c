"""Conditional interactions, patches, histories and idempotency keys over real HTTP, with many clients at once."""

import collections
import concurrent.futures
import json
import uuid

import pytest

CLIENTS = 64
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


def outcome(answer, status, code):
    found = answer.json()
    assert answer.status_code == status, found
    assert found["resourceType"] == "OperationOutcome"
    assert found["issue"][0]["code"] == code, found


def patient(number, **more):
    return {"resourceType": "Patient", "identifier": [{"system": "http://mrn", "value": number}], **more}


def total(fhir, number):
    return fhir.get(f"Patient?identifier=http://mrn|{number}&_total=accurate").json()["total"]


def race(ask):
    """How often each status was answered to many clients at once."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return collections.Counter(pool.map(lambda client: ask(client).status_code, range(CLIENTS)))


@pytest.fixture
def number():
    """An identifier that no other test has."""
    return uuid.uuid4().hex


def test_of_many_conditional_creates_one_creates(fhir, number):
    header = {"If-None-Exist": f"identifier=http://mrn|{number}"}
    statuses = race(lambda client: fhir.post("Patient", json=patient(number), headers=header))
    assert statuses == {201: 1, 200: CLIENTS - 1}
    assert total(fhir, number) == 1
    found = fhir.post("Patient", json=patient(number), headers=header)
    assert found.headers["ETag"] == 'W/"1"'
    assert fhir.get(found.headers["Location"]).json() == found.json()


def test_of_many_conditional_updates_one_creates_and_the_others_update(fhir, number):
    path = f"Patient?identifier=http://mrn%7C{number}"
    statuses = race(lambda client: fhir.put(path, json=patient(number, multipleBirthInteger=client)))
    assert statuses == {201: 1, 200: CLIENTS - 1}
    assert total(fhir, number) == 1
    (entry,) = fhir.get(path).json()["entry"]
    assert entry["resource"]["meta"]["versionId"] == str(CLIENTS)


def test_of_many_creates_with_one_key_one_happens(fhir, number):
    header = {"x-amz-fhir-idempotency-key": str(uuid.uuid4())}
    statuses = race(lambda client: fhir.post("Patient", json=patient(number), headers=header))
    assert statuses == {201: 1, 409: CLIENTS - 1}
    assert total(fhir, number) == 1
    again = fhir.post("Patient", json=patient(number), headers=header)
    outcome(again, 409, "duplicate")
    assert fhir.get(again.headers["Location"]).json()["identifier"][0]["value"] == number
    bad = fhir.post("Patient", json=patient(number), headers={"x-amz-fhir-idempotency-key": "once"})
    outcome(bad, 400, "value")


def test_several_matches_are_refused(fhir, number):
    for _ in range(2):
        assert fhir.post("Patient", json=patient(number)).status_code == 201
    path = f"Patient?identifier={number}"
    header = {"If-None-Exist": f"identifier={number}"}
    outcome(fhir.post("Patient", json=patient(number), headers=header), 412, "multiple-matches")
    outcome(fhir.put(path, json=patient(number)), 412, "multiple-matches")
    outcome(fhir.request("PATCH", path, headers=JSON_PATCH, data="[]"), 412, "multiple-matches")
    outcome(fhir.delete(path), 412, "multiple-matches")


def test_a_delete_of_many_is_followed_to_its_end(fhir, number):
    for _ in range(5):
        fhir.post("Patient", json=patient(number))
    deleted, path = [], f"Patient?identifier={number}&_count=2"
    while path:
        answer = fhir.delete(path)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        assert bundle["type"] == "batch-response"
        assert {entry["response"]["status"] for entry in bundle["entry"]} == {"204"}
        deleted += [entry["response"]["location"] for entry in bundle["entry"]]
        path = {one["relation"]: one["url"] for one in bundle.get("link", [])}.get("next")
    assert len(set(deleted)) == len(deleted) == 5
    assert total(fhir, number) == 0
    assert fhir.get(deleted[0]).status_code == 410


def test_a_patch_changes_what_stands_and_no_more(fhir, number):
    made = fhir.put(
        f"Patient/{number}",
        data=f'{{"resourceType":"Patient","id":"{number}","extension":[{{"url":"http://e","valueDecimal":1.50}}]}}',
        headers={"Content-Type": "application/fhir+json"},
    )
    assert made.status_code == 201, made.text
    patch = [
        {"op": "test", "path": "/meta/versionId", "value": "1"},
        {"op": "add", "path": "/name", "value": [{"family": "Probe"}]},
        {"op": "add", "path": "/name/0/given", "value": ["Ann"]},
    ]
    ask = lambda: fhir.request("PATCH", f"Patient/{number}", headers=JSON_PATCH, data=json.dumps(patch))
    done = ask()
    assert (done.status_code, done.headers["ETag"]) == (200, 'W/"2"'), done.text
    assert '"valueDecimal":1.50' in done.text and done.headers["Last-Modified"]
    assert fhir.get("Patient?given=Ann&family=Probe&_id=" + number).json()["total"] == 1
    outcome(ask(), 422, "processing")
    wrong = fhir.request("PATCH", f"Patient/{number}", headers={"Content-Type": "text/plain"}, data="[]")
    outcome(wrong, 415, "value")


def test_histories_of_a_type_and_of_all_show_what_happened(fhir, number):
    since = fhir.put(f"Basic/{number}", json={"resourceType": "Basic", "id": number, "code": {"text": "a"}})
    moment = since.json()["meta"]["lastUpdated"]
    fhir.put(f"Basic/{number}", json={"resourceType": "Basic", "id": number, "code": {"text": "b"}})
    fhir.delete(f"Basic/{number}")
    for path in ["Basic/_history", "_history", f"Basic/{number}/_history"]:
        seen, url = [], f"{path}?_since={moment}&_count=2"
        while url:
            bundle = fhir.get(url).json()
            assert bundle["type"] == "history"
            seen += [
                (entry["request"]["method"], entry["response"]["etag"])
                for entry in bundle["entry"]
                if entry["fullUrl"].endswith(number)
            ]
            url = {one["relation"]: one["url"] for one in bundle["link"]}.get("next")
        assert seen == [("DELETE", 'W/"3"'), ("PUT", 'W/"2"'), ("PUT", 'W/"1"')]
    assert fhir.get(f"Basic/{number}/_history/3").status_code == 410
    revived = fhir.put(f"Basic/{number}", json={"resourceType": "Basic", "id": number, "code": {"text": "c"}})
    assert (revived.status_code, revived.headers["ETag"]) == (201, 'W/"4"')


def test_what_minimal_validation_lets_pass_says_so(fhir, number):
    header = {"x-amzn-healthlake-fhir-validation-level": "minimal"}
    body = patient(number, gender="martian")
    assert fhir.post("Patient", json=body).status_code == 400
    made = fhir.post("Patient", json=body, headers=header)
    assert made.status_code == 201, made.text
    assert made.headers["x-amzn-healthlake-validation-issues"] == "true"
    (note,) = made.json()["extension"]
    assert json.loads(note["valueString"])["resourceType"] == "OperationOutcome"


def test_meta_is_added_and_taken_away(fhir, number):
    fhir.put(f"Patient/{number}", json=patient(number, id=number))
    tag = {"tag": [{"system": "urn:test", "code": number}]}
    body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": tag}]}
    added = fhir.post(f"Patient/{number}/$meta-add", json=body).json()
    assert added["parameter"][0]["valueMeta"]["tag"] == tag["tag"]
    assert fhir.get(f"Patient?_tag={number}").json()["total"] == 1
    assert fhir.post(f"Patient/{number}/$meta-delete", json=body).status_code == 200
    assert "tag" not in fhir.get(f"Patient/{number}").json()["meta"]
