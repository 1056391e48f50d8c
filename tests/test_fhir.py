"""The FHIR door of the built binary, with signed requests as any HTTP client sends them."""

import concurrent.futures
import json
import re
import uuid

import pytest
import requests

from conftest import Fhir, Server, create_datastore

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def patient(given, **more):
    return {"resourceType": "Patient", "name": [{"given": [given], "family": "Probe"}], **more}


def outcome(answer, status, code):
    found = answer.json()
    assert answer.status_code == status, found
    assert found["resourceType"] == "OperationOutcome"
    assert found["issue"][0]["code"] == code, found
    return found["issue"]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


def link(answer, relation):
    links = {one["relation"]: one["url"] for one in answer.json()["link"]}
    return links.get(relation)


@pytest.fixture
def tag():
    """A word that no other test has, to find one's own resources by."""
    return uuid.uuid4().hex


def tagged(resource, tag):
    return {**resource, "meta": {"tag": [{"system": "urn:test", "code": tag}]}}


def test_the_base_is_the_endpoint_that_describe_shows(datastore, fhir):
    statement = fhir.get("metadata").json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == datastore["DatastoreEndpoint"]


def test_a_resource_lives_from_create_to_delete(fhir):
    made = fhir.post("Patient", json=patient("Ann"))
    assert made.status_code == 201, made.text
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Content-Type"].startswith("application/fhir+json")
    assert UUID.match(made.headers["x-amzn-RequestId"])
    identity = made.json()["id"]
    assert UUID.match(identity)
    assert made.headers["Location"] == f"{fhir.base}Patient/{identity}/_history/1"
    assert fhir.get(made.headers["Location"]).json() == made.json()

    read = fhir.get(f"Patient/{identity}")
    assert (read.status_code, read.json()) == (200, made.json())
    assert read.headers["Last-Modified"].endswith("GMT")
    assert fhir.get(f"Patient/{identity}", headers={"If-None-Match": read.headers["ETag"]}).status_code == 304
    head = fhir.request("HEAD", f"Patient/{identity}")
    assert (head.status_code, head.headers["Content-Length"]) == (200, read.headers["Content-Length"])

    changed = fhir.put(f"Patient/{identity}", json=patient("Anna", id=identity))
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    stale = fhir.put(f"Patient/{identity}", json=patient("Anne", id=identity), headers={"If-Match": 'W/"1"'})
    outcome(stale, 412, "conflict")
    assert fhir.get(f"Patient/{identity}/_history/1").json()["name"][0]["given"] == ["Ann"]

    assert fhir.delete(f"Patient/{identity}").status_code == 204
    assert fhir.delete(f"Patient/{identity}").status_code == 204
    outcome(fhir.get(f"Patient/{identity}"), 410, "deleted")
    history = fhir.get(f"Patient/{identity}/_history").json()
    assert (history["type"], history["total"]) == ("history", 3)
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "POST"]

    revived = fhir.put(f"Patient/{identity}", json=patient("Ann", id=identity))
    assert (revived.status_code, revived.headers["ETag"]) == (201, 'W/"4"')


def test_decimals_and_order_come_back_as_sent(fhir):
    text = (
        '{"resourceType":"Observation","id":"exact","status":"final","valueQuantity":'
        '{"unit":"mg","value":1.50},"code":{"text":"caf\\u00e9 \\ud83d\\ude00"}}'
    )
    made = fhir.put("Observation/exact", data=text, headers={"Content-Type": "application/fhir+json"})
    assert made.status_code in (200, 201), made.text
    back = fhir.get("Observation/exact").text
    assert back.endswith(text[text.index('"status"') :])


def test_what_is_invalid_is_told_by_its_path(fhir):
    broken = patient("Ann", gender="unheard-of", birthDate="yesterday", nickname="x")
    issues = outcome(fhir.post("Patient", json=broken), 400, "processing")
    assert issues[0]["diagnostics"] == "FHIR resource in payload failed FHIR validation rules."
    paths = " ".join(path for issue in issues for path in issue.get("expression", []))
    assert "Patient.gender" in paths and "Patient.birthDate" in paths
    assert "yesterday" not in json.dumps(issues)
    outcome(fhir.post("Patient", data="{", headers={"Content-Type": "application/json"}), 400, "invalid")
    outcome(fhir.put("Patient/1", json=patient("Ann", id="2")), 400, "invalid")
    outcome(fhir.post("Patient", data="a", headers={"Content-Type": "text/turtle"}), 415, "value")
    outcome(fhir.get("Patient/1", headers={"Accept": "text/turtle"}), 406, "not-supported")


def test_a_body_over_five_megabytes_is_refused(fhir):
    resource = json.dumps(patient("Ann"))
    json_type = {"Content-Type": "application/fhir+json"}
    limit = 5 * 1024 * 1024
    assert fhir.post("Patient", data=resource.ljust(limit), headers=json_type).status_code == 201
    assert fhir.post("Patient", data=resource.ljust(limit + 1), headers=json_type).status_code == 413


def test_searches_of_every_kind_find_what_was_just_written(fhir, tag):
    born = {"a": "1990-05-01", "b": "1970-01-01", "c": "1990-07-01"}
    for given, date in born.items():
        identifier = [{"system": "urn:mrn", "value": f"{tag}-{given}"}]
        resource = tagged(patient(given, id=f"{tag}{given}"[-40:], birthDate=date, identifier=identifier), tag)
        assert fhir.put(f"Patient/{resource['id']}", json=resource).status_code == 201
    key = {given: f"{tag}{given}"[-40:] for given in born}
    for value, name in [(5.4, "o1"), (6.1, "o2")]:
        quantity = {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
        observation = {
            "resourceType": "Observation",
            "id": f"{tag}{name}"[-40:],
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8"}]},
            "subject": {"reference": f"Patient/{key['a']}"},
            "effectiveDateTime": "2020-01-02T03:04:05+01:00",
            "valueQuantity": quantity,
        }
        made = fhir.put(f"Observation/{observation['id']}", json=tagged(observation, tag))
        assert made.status_code == 201, made.text
    expected = {
        f"Patient?_tag=urn:test|{tag}": "abc",
        f"Patient?_tag={tag}&birthdate=1990": "ac",
        f"Patient?_tag={tag}&birthdate=ge1990-06,lt1980": "bc",
        f"Patient?identifier=urn:mrn|{tag}-b": "b",
        f"Patient?identifier={tag}-a,{tag}-c": "ac",
        f"Patient?_tag={tag}&given=A&family=probe": "a",
        f"Patient?_id={key['a']},{key['b']}&_tag={tag}": "ab",
        f"Patient?_tag={tag}&_lastUpdated=gt2999": "",
    }
    for query, letters in expected.items():
        assert sorted(ids(fhir.get(query))) == sorted(key[letter] for letter in letters), query
    observations = {
        f"Observation?patient={key['a']}&_sort=value-quantity": ["o1", "o2"],
        f"Observation?subject=Patient/{key['a']}&_sort=-value-quantity": ["o2", "o1"],
        f"Observation?_tag={tag}&value-quantity=gt6|http://unitsofmeasure.org|mmol/L": ["o2"],
        f"Observation?_tag={tag}&code-value-quantity=http://loinc.org|15074-8$lt6": ["o1"],
        f"Observation?_tag={tag}&date=2020-01-02T03:04:05%2B01:00&_sort=_id": ["o1", "o2"],
    }
    for query, names in observations.items():
        assert ids(fhir.get(query)) == [f"{tag}{name}"[-40:] for name in names], query


def test_pages_by_get_and_post_hold_every_match_once(fhir, tag):
    made = set()
    for number in range(7):
        made.add(fhir.post("Basic", json=tagged({"resourceType": "Basic", "code": {"text": str(number)}}, tag)).json()["id"])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for first in [
        fhir.get(f"Basic?_tag={tag}&_count=3&_total=accurate"),
        fhir.post("Basic/_search", data=f"_tag={tag}&_count=3&_total=accurate", headers=form),
        fhir.post("Basic/_search", data=f"_tag={tag}&_count=3&_total=accurate", headers={"Content-Type": "application/fhir+json"}),
    ]:
        assert first.json()["total"] == 7
        seen, page = ids(first), first
        assert link(first, "self").startswith(f"{fhir.base}Basic?_tag={tag}")
        while link(page, "next"):
            assert re.fullmatch(re.escape(fhir.base) + r"Basic\?_count=3&page=[A-Za-z0-9+=_.-]+", link(page, "next"))
            page = fhir.get(link(page, "next"))
            seen += ids(page)
        assert len(seen) == 7 and set(seen) == made
    following = link(fhir.get(f"Basic?_tag={tag}&_count=3"), "next")
    issues = outcome(fhir.get(following.replace("_count=3", "_count=4")), 400, "value")
    assert issues[0]["diagnostics"] == "Invalid pagination token."


def test_an_unknown_parameter_is_refused_or_left_out_as_preferred(fhir):
    issues = outcome(fhir.get("Patient?brithdate=1990"), 400, "not-supported")
    assert "brithdate" in issues[0]["diagnostics"] and "birthdate" in issues[0]["diagnostics"]
    lenient = fhir.get("Patient?brithdate=1990&_count=1", headers={"Prefer": "handling=lenient"})
    assert lenient.status_code == 200
    assert link(lenient, "self") == f"{fhir.base}Patient?_count=1"


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "Parameters/1"),
        ("GET", "Patient?_query=current"),
        ("POST", "Patient/$member-match"),
        ("POST", "$bulk-patch"),
    ],
)
def test_what_is_not_here_yet_says_so(fhir, method, path):
    outcome(fhir.request(method, path, data="{}" if method == "POST" else None), 400, "not-supported")


def test_a_doubled_slash_is_tolerated(fhir):
    assert fhir.get("/metadata").status_code == 200


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "metadata"),
        ("GET", "Patient/1"),
        ("GET", "Patient/1/_history"),
        ("GET", "Patient/1/_history/1"),
        ("POST", "Patient"),
        ("PUT", "Patient/1"),
        ("DELETE", "Patient/1"),
        ("GET", "Patient"),
        ("POST", "Patient/_search"),
    ],
)
def test_strangers_get_403_in_awss_own_form(fhir, method, path):
    unsigned = fhir.request(method, path, sign=False)
    assert unsigned.status_code == 403
    assert unsigned.json() == {"message": "Missing Authentication Token"}
    elsewhere = requests.request(method, fhir.base.replace("/datastore/", "/datastore/0") + path, timeout=60)
    assert (elsewhere.status_code, elsewhere.content) == (403, unsigned.content)
    forged = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/healthlake/aws4_request, "
              "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64, "X-Amz-Date": "20260101T000000Z"}
    refused = fhir.request(method, path, headers=forged, sign=False)
    assert refused.status_code == 403 and "message" in refused.json()


def test_an_unknown_data_store_is_told_to_the_owner_alone(fhir, datastore):
    base = fhir.base.replace(datastore["DatastoreId"], "f" * 32)
    answer = fhir.get(base + "Patient/1")
    assert (answer.status_code, list(answer.json())) == (404, ["message"])


def test_data_stores_do_not_see_each_other(server, healthlake, fhir):
    other = Fhir(server, create_datastore(healthlake)["DatastoreEndpoint"])
    made = fhir.post("Patient", json=patient("Ann")).json()["id"]
    assert other.get(f"Patient/{made}").status_code == 404
    assert ids(other.get("Patient")) == []


def test_of_many_clients_with_one_version_one_wins_and_no_write_is_lost(fhir, tag):
    path = f"Patient/{tag}"
    body = patient("Ann", id=tag)
    assert fhir.put(path, json=body).status_code == 201
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        race = [pool.submit(fhir.put, path, json=body, headers={"If-Match": 'W/"1"'}) for _ in range(24)]
        assert sorted(one.result().status_code for one in race) == [200] + [412] * 23
        free = [pool.submit(fhir.put, path, json=body) for _ in range(24)]
        assert [one.result().status_code for one in free] == [200] * 24
    assert fhir.get(path).headers["ETag"] == 'W/"26"'


def test_resources_survive_a_kill_as_acknowledged(tmp_path):
    server = Server(tmp_path / "data").start()
    try:
        endpoint = create_datastore(server.client("healthlake"))["DatastoreEndpoint"]
        fhir = Fhir(server, endpoint)
        made = [fhir.post("Patient", json=patient(f"P{number}")).json() for number in range(20)]
        server.kill()
        server.start()
        for resource in made:
            assert fhir.get(f"Patient/{resource['id']}").json() == resource
        assert sorted(ids(fhir.get("Patient?_count=100"))) == sorted(resource["id"] for resource in made)
    finally:
        server.stop()


def test_an_open_server_takes_unsigned_requests_on_fhir_alone(tmp_path):
    server = Server(tmp_path / "data", "--open-fhir").start()
    try:
        healthlake = server.client("healthlake")
        endpoint = create_datastore(healthlake)["DatastoreEndpoint"]
        assert requests.get(endpoint + "Patient", timeout=60).status_code == 200
        assert requests.get(endpoint.replace("/datastore/", "/datastore/0") + "Patient", timeout=60).status_code == 403
        unsigned = requests.post(server.endpoint, headers={"X-Amz-Target": "HealthLake.ListFHIRDatastores"}, timeout=60)
        assert unsigned.status_code >= 400
    finally:
        server.stop()
