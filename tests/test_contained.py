"""Contained resources, found in what Synthea's bills contain: by criteria, by chains, page by page, in every form."""

import gzip
import json

import pytest

from conftest import ROOT, Fhir, Server, create_datastore

POSTED = json.loads(gzip.open(ROOT / "testdata/synthea/bundles/v2.4-2019-patient.json.gz").read())
BILLS = [one["resource"] for one in POSTED["entry"] if one["resource"]["resourceType"] == "ExplanationOfBenefit"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A data store of one patient's Bundle."""
    server = Server(tmp_path_factory.mktemp("contained") / "data").start()
    datastore = create_datastore(server.client("healthlake"))
    fhir = Fhir(server, datastore["DatastoreEndpoint"])
    answer = fhir.post("", json=POSTED, headers={"x-amzn-healthlake-fhir-validation-level": "structure-only"})
    assert answer.status_code == 200, answer.text[:2000]
    yield fhir
    assert server.stop() == 0


def found(fhir, query):
    answer = fhir.get(query)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.json()


def test_bills_are_found_by_what_they_contain(own):
    contained = [one for bill in BILLS for one in bill["contained"]]
    assert {one["resourceType"] for one in contained} == {"Coverage", "ServiceRequest"}
    everything = found(own, "Coverage?_contained=true&_total=accurate")
    assert everything["total"] == len(BILLS)
    assert all(entry["resource"]["resourceType"] == "ExplanationOfBenefit" for entry in everything["entry"])
    assert "entry" not in found(own, "Coverage?status=active")
    assert found(own, "Coverage?status=active&_contained=true")["total"] == len(BILLS)
    assert found(own, "Coverage?status=draft&_contained=both")["total"] == 0
    # From the contained request to the patient, who is a resource of his own.
    patient = found(own, "Patient")["entry"][0]["resource"]
    family = patient["name"][0]["family"]
    assert found(own, f"ServiceRequest?subject:Patient.family={family}&_contained=true")["total"] == len(BILLS)
    assert found(own, "ServiceRequest?subject:Patient.family=nobody&_contained=true")["total"] == 0
    form = {"content-type": "application/x-www-form-urlencoded"}
    posted = own.post("Coverage/_search", data="_contained=true&status=active", headers=form)
    assert posted.json()["total"] == len(BILLS)


def test_what_bills_contain_is_shown_alone_and_page_by_page(own):
    query = "?_type=Coverage,ServiceRequest&_contained=true&_containedType=contained&_count=3"
    shown, url = [], query
    while url:
        page = found(own, url)
        assert len(page["entry"]) <= 3
        shown += page["entry"]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert len(shown) == 2 * len(BILLS)
    addresses = [entry["fullUrl"] for entry in shown]
    assert len(set(addresses)) == len(addresses)
    for entry in shown:
        container, fragment = entry["fullUrl"].split("#")
        assert entry["resource"]["id"] == fragment
        assert entry["search"]["mode"] == "match"
        assert entry["resource"] in own.get(container).json()["contained"]


def test_what_makes_no_sense_is_refused_by_name(own):
    for query, words in [
        ("Coverage?_contained=maybe", "false, true or both"),
        ("Coverage?_contained=true&_sort=status", "_sort"),
        ("Coverage?_contained=true&_has:Claim:patient:status=active", "_has"),
        ("Coverage?_contained=true&_containedType=contained&_include=*", "_include"),
    ]:
        answer = own.get(query)
        assert answer.status_code == 400, query
        assert words in answer.text, answer.text
    answer = own.delete("Coverage?status=active&_contained=true")
    assert answer.status_code == 400 and "_contained" in answer.text
