"""The terminology operations of the built binary, over what is stored, imported and comes with the standard."""

import json

import pytest

from conftest import Fhir, Server, create_datastore

ANIMALS = {
    "resourceType": "CodeSystem", "id": "animals", "url": "http://a", "version": "2", "name": "Animals",
    "status": "active", "content": "complete",
    "concept": [
        {"code": "animal", "display": "Animal", "concept": [
            {"code": "dog", "display": "Dog", "designation": [{"language": "de", "value": "Hund"}],
             "concept": [{"code": "pug", "display": "Pug"}]},
            {"code": "cat", "display": "Cat", "property": [{"code": "status", "valueCode": "retired"}]}]}],
}
DOGS = {
    "resourceType": "ValueSet", "id": "dogs", "url": "http://v/dogs", "status": "active",
    "compose": {"include": [{"system": "http://a", "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]},
}
SOUNDS = {
    "resourceType": "ConceptMap", "id": "sounds", "url": "http://m", "status": "active",
    "group": [{"source": "http://a", "target": "http://s", "element": [
        {"code": "dog", "target": [{"code": "bark", "equivalence": "wider"}]}]}],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("terminology") / "data").start()
    fhir = Fhir(server, create_datastore(server.client("healthlake"))["DatastoreEndpoint"])
    for resource in (ANIMALS, DOGS, SOUNDS):
        answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code == 201, answer.text
    yield fhir
    assert server.stop() == 0


def asked(fhir, path):
    answer = fhir.get(path)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.json()


def values(parameters, name):
    members = [one for one in parameters["parameter"] if one["name"] == name]
    return [value for one in members for member, value in one.items() if member.startswith("value")]


def test_value_sets_are_expanded(own):
    flat = asked(own, "ValueSet/dogs/$expand?excludeNested=true")["expansion"]
    assert [code["code"] for code in flat["contains"]] == ["dog", "pug"] and flat["total"] == 2
    nested = asked(own, "ValueSet/$expand?url=http://v/dogs")["expansion"]["contains"]
    assert nested[0]["contains"][0]["display"] == "Pug"
    standard = asked(own, "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/observation-status&filter=amen")
    assert [code["code"] for code in standard["expansion"]["contains"]] == ["amended"]
    page = asked(own, "ValueSet/$expand?url=http://terminology.hl7.org/ValueSet/v3-ActCode&count=3&offset=2")
    assert len(page["expansion"]["contains"]) == 3 and page["expansion"]["total"] > 1000
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "valueSet", "resource": DOGS}, {"name": "displayLanguage", "valueCode": "de"}]}
    posted = own.post("ValueSet/$expand", json=body)
    assert posted.json()["expansion"]["contains"][0]["display"] == "Hund", posted.text


def test_codes_are_looked_up_checked_and_compared(own):
    looked_up = asked(own, "CodeSystem/$lookup?system=http://a&code=dog")
    assert values(looked_up, "name") == ["Animals"] and values(looked_up, "display") == ["Dog"]
    assert '"valueCode": "animal"' in json.dumps(looked_up)
    assert values(asked(own, "ValueSet/dogs/$validate-code?system=http://a&code=pug"), "result") == [True]
    assert values(asked(own, "ValueSet/dogs/$validate-code?system=http://a&code=cat"), "result") == [False]
    assert values(asked(own, "CodeSystem/animals/$validate-code?code=pug&display=Pug"), "result") == [True]
    for one, other, expected in [("animal", "pug", "subsumes"), ("dog", "cat", "not-subsumed")]:
        answer = asked(own, f"CodeSystem/$subsumes?system=http://a&codeA={one}&codeB={other}")
        assert values(answer, "outcome") == [expected]


def test_codes_are_translated(own):
    there = asked(own, "ConceptMap/$translate?system=http://a&code=dog&targetsystem=http://s")
    assert values(there, "result") == [True] and "bark" in json.dumps(there)
    back = asked(own, "ConceptMap/sounds/$translate?system=http://s&code=bark&reverse=true")
    assert values(back, "result") == [True] and "narrower" in json.dumps(back)
    assert values(asked(own, "ConceptMap/sounds/$translate?system=http://a&code=cat"), "result") == [False]


def test_what_is_unknown_is_refused_by_name(own):
    for path, status, code, words in [
        ("ValueSet/$expand?url=http://none", 404, "not-found", "http://none"),
        ("ValueSet/dogs/$expand?counts=1", 400, "invalid", "count"),
        ("CodeSystem/$lookup?system=http://none&code=a", 404, "not-found", "http://none"),
        ("CodeSystem/$lookup?code=a", 400, "invalid", "system"),
        ("ConceptMap/$translate?url=http://none&system=http://a&code=dog", 404, "not-found", "http://none"),
    ]:
        answer = own.get(path)
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["code"]) == (status, code), path
        assert words in issue["diagnostics"], answer.text


def test_a_search_and_an_expansion_mean_the_same(own):
    for code in ("dog", "pug", "cat"):
        coding = {"coding": [{"system": "http://a", "code": code}]}
        made = own.post("Observation", json={"resourceType": "Observation", "status": "final", "code": coding})
        assert made.status_code == 201, made.text
    found = asked(own, "Observation?code:in=http://v/dogs")["entry"]
    expanded = asked(own, "ValueSet/dogs/$expand?excludeNested=true")["expansion"]["contains"]
    codes = {entry["resource"]["code"]["coding"][0]["code"] for entry in found}
    assert codes == {code["code"] for code in expanded}


def test_the_statements_tell_of_terminology(own):
    statement = asked(own, "metadata?mode=terminology")
    assert statement["resourceType"] == "TerminologyCapabilities" and statement["expansion"]["paging"] is True
    types = {one["type"]: one for one in asked(own, "metadata")["rest"][0]["resource"]}
    for of, names in [
        ("ValueSet", {"expand", "validate-code"}),
        ("CodeSystem", {"lookup", "subsumes", "validate-code"}),
        ("ConceptMap", {"translate"}),
    ]:
        assert names <= {one["name"] for one in types[of]["operation"]}, of
