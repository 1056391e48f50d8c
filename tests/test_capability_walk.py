"""Walks the CapabilityStatement of the built binary and tries each claim."""

import concurrent.futures
import json
import uuid

import pytest
import requests

from conftest import Server, create_datastore

# A value of each kind of search parameter that every parameter of the kind takes.
VALUES = {
    "number": "5",
    "date": "2020-01-02",
    "string": "a",
    "token": "a",
    "reference": "urn:uuid:10ed3f8b-22ae-4c40-8352-6b8a0c76a0a1",
    "quantity": "5",
    "uri": "http://example.org/a",
    "special": "a",
}
# Parameters whose values have a form of their own.
OWN_VALUES = {
    "_id": "a",
    "_lastUpdated": "2020",
    "near": "1|2",
    "_filter": "_id eq a",
    "_has": None,
    "_list": "none",
    "_query": None,
}
OF_COMPARTMENT = {
    "device": "Device",
    "encounter": "Encounter",
    "patient": "Patient",
    "practitioner": "Practitioner",
    "relatedperson": "RelatedPerson",
}
# Operations that need a body, or a resource that is there; the rest is called with nothing.
REFUSED = (400, 404, 405, 409, 410, 412, 422)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("walk") / "data", "--open-fhir").start()
    try:
        yield create_datastore(server.client("healthlake"))["DatastoreEndpoint"]
        assert not any("panicked" in line for line in server.log), "".join(server.log)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def statement(base):
    answer = requests.get(base + "metadata", timeout=60)
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture(scope="module")
def rest(statement):
    [rest] = statement["rest"]
    assert rest["mode"] == "server"
    return rest


def ask(method, url, **more):
    more.setdefault("timeout", 60)
    return requests.request(method, url, **more)


def each(items, check):
    """Checks all of them, some at a time; tells of all that fail."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = [failure for failure in pool.map(check, items) if failure]
    assert not told, "\n".join(told[:40]) + f"\n{len(told)} in all"


def described(answer):
    return f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"


def test_it_is_valid_and_of_this_server(statement, base):
    assert statement["implementation"]["url"] == base
    assert statement["kind"] == "instance" and statement["status"] == "active"
    stored = ask("POST", base + "CapabilityStatement", json=statement)
    assert stored.status_code == 201, stored.text


def test_every_format_is_given(statement, base):
    assert len(statement["format"]) >= 4
    for wanted in statement["format"]:
        by_parameter = ask("GET", base + "metadata", params={"_format": wanted})
        assert by_parameter.status_code == 200, described(by_parameter)
        if "/" in wanted:
            by_header = ask("GET", base + "metadata", headers={"Accept": wanted})
            assert by_header.status_code == 200 and by_header.headers["Content-Type"].startswith(wanted)
    unclaimed = ask("GET", base + "metadata", params={"_format": "text/turtle"})
    assert unclaimed.status_code == 406


def test_every_patch_format_is_taken(statement, base):
    for wanted in statement.get("patchFormat", []):
        made = ask("POST", base + "Patient", json={"resourceType": "Patient", "active": True}).json()["id"]
        if wanted == "application/json-patch+json":
            body = '[{"op":"replace","path":"/active","value":false}]'
        else:
            parts = [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.active"},
                {"name": "value", "valueBoolean": False},
            ]
            body = json.dumps({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]})
            if wanted.endswith("xml"):
                body = (
                    '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
                    '<part><name value="type"/><valueCode value="replace"/></part>'
                    '<part><name value="path"/><valueString value="Patient.active"/></part>'
                    '<part><name value="value"/><valueBoolean value="false"/></part></parameter></Parameters>'
                )
        answer = ask("PATCH", f"{base}Patient/{made}", data=body, headers={"Content-Type": wanted})
        assert answer.status_code == 200 and answer.json()["active"] is False, described(answer)


def test_every_interaction_of_every_type_works(rest, base):
    def check(resource):
        of = resource["type"]
        try:
            try_type(base, resource)
        except AssertionError as error:
            return f"{of}: {error}"

    each(rest["resource"], check)


def try_type(base, resource):
    """A resource of the type goes through all that is claimed. What the type requires is not known here, so it comes
    in with the validation level that takes it with a note; what even that does not take is not tried further."""
    of = resource["type"]
    codes = {one["code"] for one in resource["interaction"]}
    found = ask("GET", base + of)
    assert ("search-type" in codes) == (found.status_code == 200), described(found)
    lax = {"x-amzn-healthlake-fhir-validation-level": "minimal"}
    made = ask("POST", base + of, json={"resourceType": of}, headers=lax)
    assert made.status_code == 201 and "create" in codes, described(made)
    identity = made.json()["id"]
    at = f"{base}{of}/{identity}"
    for code, path in [("read", ""), ("vread", "/_history/1"), ("history-instance", "/_history")]:
        answer = ask("GET", at + path)
        assert code in codes and answer.status_code == 200, described(answer)
    answer = ask("GET", f"{base}{of}/_history")
    assert ("history-type" in codes) == (answer.status_code == 200), described(answer)
    assert resource["versioning"] == "versioned" and resource["readHistory"] is True
    if resource["conditionalRead"] == "full-support":
        for unless in ({"If-None-Match": 'W/"1"'}, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}):
            assert ask("GET", at, headers=unless).status_code == 304
    if resource["conditionalCreate"]:
        answer = ask("POST", base + of, json={"resourceType": of}, headers={**lax, "If-None-Exist": f"_id={identity}"})
        assert answer.status_code == 200 and answer.json()["id"] == identity, described(answer)
    updated = ask("PUT", at, json={"resourceType": of, "id": identity}, headers=lax)
    assert ("update" in codes) == (updated.status_code == 200), described(updated)
    new = uuid.uuid4().hex
    created = ask("PUT", f"{base}{of}/{new}", json={"resourceType": of, "id": new}, headers=lax)
    assert resource["updateCreate"] == (created.status_code == 201), described(created)
    headers = {**lax, "Content-Type": "application/json-patch+json"}
    patched = ask("PATCH", at, data='[{"op":"add","path":"/language","value":"en"}]', headers=headers)
    # Where even the patched resource is not valid, the patch was understood.
    assert ("patch" in codes) == (patched.status_code in (200, 400, 422)), described(patched)
    conditional = ask("PUT", f"{base}{of}?_id={identity}", json={"resourceType": of}, headers=lax)
    assert resource["conditionalUpdate"] == (conditional.status_code == 200), described(conditional)
    if resource["conditionalDelete"] == "multiple":
        answer = ask("DELETE", f"{base}{of}?_id={identity},{new}&_count=10")
        assert answer.status_code in (200, 204), described(answer)
        assert ask("GET", at).status_code == 410
    deleted = ask("DELETE", at)
    assert ("delete" in codes) == (deleted.status_code == 204), described(deleted)


def test_every_search_parameter_is_taken(rest, base):
    common = [(resource["type"], one) for resource in rest["resource"] for one in resource.get("searchParam", [])]
    assert len(common) > 1400

    def check(claim):
        of, parameter = claim
        name, kind = parameter["name"], parameter["type"]
        value = OWN_VALUES.get(name, VALUES.get(kind))
        tries = [{name: value}, {f"{name}:missing": "true"}]
        if kind == "composite":
            tries = [{name: candidate} for candidate in composites(value_kinds=VALUES)]
            # One form fits: what the components are is not in the statement.
            if not any(ask("GET", base + of, params=one).status_code == 200 for one in tries):
                return f"{of}?{name}"
            return None
        if kind == "special" or name in ("_id", "_lastUpdated", "_text", "_content", "_filter", "_list", "_type"):
            tries = tries[:1]
        for one in tries:
            if None in one.values():
                continue
            answer = ask("GET", base + of, params={**one, "_count": "1"})
            if answer.status_code != 200:
                return described(answer)
        return None

    each(common, check)


def composites(value_kinds):
    some = ["a", "5", "2020-01-02", "http://example.org/a"]
    yield from (f"{one}${other}" for one in some for other in some)
    yield from ("a$a$a", "a$5$5")


def test_every_include_is_taken(rest, base):
    claims = []
    for resource in rest["resource"]:
        claims += [(resource["type"], "_include", one) for one in resource.get("searchInclude", [])]
        claims += [(resource["type"], "_revinclude", one) for one in resource.get("searchRevInclude", [])]
    assert len(claims) > 500

    def check(claim):
        of, name, value = claim
        answer = ask("GET", base + of, params={name: value, "_count": "1"})
        return None if answer.status_code == 200 else described(answer)

    each(claims, check)


def test_the_interactions_of_the_whole_system_work(rest, base):
    codes = {one["code"] for one in rest.get("interaction", [])}
    bundle = {"resourceType": "Bundle", "entry": [{"request": {"method": "GET", "url": "Patient"}}]}
    tries = {
        "transaction": lambda: ask("POST", base, json={**bundle, "type": "transaction"}),
        "batch": lambda: ask("POST", base, json={**bundle, "type": "batch"}),
        "search-system": lambda: ask("GET", base, params={"_type": "Patient,Observation"}),
        "history-system": lambda: ask("GET", base + "_history"),
    }
    for code, attempt in tries.items():
        answer = attempt()
        assert (code in codes) == (answer.status_code == 200), described(answer)
    assert codes <= set(tries)


def test_every_compartment_is_searched(rest, base):
    assert len(rest["compartment"]) == 5
    for compartment in rest["compartment"]:
        of = OF_COMPARTMENT[compartment.rsplit("/", 1)[-1]]
        answer = ask("GET", f"{base}{of}/none/*")
        assert answer.status_code in (200, 404), described(answer)


def test_every_operation_is_known_where_it_is_listed(rest, base):
    claims = [(base, one) for one in rest.get("operation", [])]
    for resource in rest["resource"]:
        claims += [(f"{base}{resource['type']}/", one) for one in resource.get("operation", [])]
    assert claims

    def check(claim):
        at, operation = claim
        name = operation["name"].lstrip("$")
        # At the type, at a resource, at a version: one of them knows it by one of the methods.
        for below in ("", "none/", "none/_history/1/"):
            for method in ("GET", "POST"):
                answer = ask(method, f"{at}{below}${name}")
                if answer.status_code < 300:
                    return None
                issue = answer.json()["issue"][0]
                if answer.status_code in REFUSED and "This operation is not supported" not in issue.get("diagnostics", ""):
                    return None
        return f"{at}${name}"

    each(claims, check)


def test_what_is_not_claimed_is_refused(rest, base):
    listed = {resource["type"] for resource in rest["resource"]}
    assert {"Parameters", "OperationOutcome"}.isdisjoint(listed)
    answer = ask("GET", base + "Patient", params={"no-such-parameter": "1"})
    assert answer.status_code == 400
    assert ask("GET", base + "$no-such-operation").status_code == 404
