"""More than the server can do: refusals with Retry-After, and steady answers to the rest."""

import re
import socket
import threading
import time

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import Fhir, Server, create_datastore

ROWS = 1500


@pytest.fixture
def started(tmp_path):
    """Starts servers with settings of their own, and stops them."""
    servers = []

    def start(*arguments):
        servers.append(Server(tmp_path / f"data{len(servers)}", *arguments).start())
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() == 0, "".join(server.log)
        assert not any("panicked" in line for line in server.log), "".join(server.log)


def fhir_of(server, name="one"):
    return Fhir(server, create_datastore(server.client("healthlake"), DatastoreName=name)["DatastoreEndpoint"])


def metric(server, name):
    text = requests.get(server.endpoint + "/metrics", timeout=10).text
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.M))


def labelled(server, line):
    text = requests.get(server.endpoint + "/metrics", timeout=10).text
    return float(re.search(rf"^{re.escape(line)} (\S+)$", text, re.M).group(1))


def fill(fhir):
    """Resources whose narrative must be opened to be searched."""
    words = " ".join(f"word{n}" for n in range(400))
    for start in range(0, ROWS, 500):
        entries = [
            {
                "resource": {
                    "resourceType": "Basic",
                    "code": {"text": f"{words} {n}"},
                },
                "request": {"method": "POST", "url": "Basic"},
            }
            for n in range(start, start + 500)
        ]
        done = fhir.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
        assert done.status_code == 200, done.text


def slow_search(fhir):
    """Opens every body, and finds nothing."""
    return fhir.get("Basic?_content=notthere")


def test_many_slow_searches_are_refused_in_time_and_reads_and_writes_go_on(started):
    server = started("--searches-at-once", "1", "--wait-ms", "1", "--bundle-bytes-max", "20000000")
    hot = fhir_of(server)
    fill(hot)
    made = hot.post("Patient", json={"resourceType": "Patient"}).json()["id"]
    answers, end = [], time.monotonic() + 3

    def ask():
        while time.monotonic() < end:
            answers.append(slow_search(hot))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    [thread.start() for thread in threads]
    others = []
    while time.monotonic() < end:
        others.append(hot.get(f"Patient/{made}").status_code)
        others.append(hot.put(f"Patient/{made}", json={"resourceType": "Patient", "id": made}).status_code)
    [thread.join() for thread in threads]
    assert set(others) == {200} and len(others) > 4
    found = {answer.status_code for answer in answers}
    assert found == {200, 429}, found
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert refused.json()["issue"][0]["code"] == "throttled"
    assert labelled(server, 'tarn_refused_total{class="search",reason="room"}') > 0
    assert labelled(server, 'tarn_refused_total{class="read",reason="room"}') == 0
    assert slow_search(hot).status_code == 200, "once it is quiet, everything is served"


def test_a_hot_data_store_does_not_keep_a_cold_one_out(started):
    server = started("--searches-at-once", "2", "--wait-ms", "1", "--bundle-bytes-max", "20000000")
    hot, cold = fhir_of(server, "hot"), fhir_of(server, "cold")
    fill(hot)
    end, hot_answers = time.monotonic() + 3, []

    def ask():
        while time.monotonic() < end:
            hot_answers.append(slow_search(hot).status_code)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    [thread.start() for thread in threads]
    cold_answers = []
    while time.monotonic() < end:
        cold_answers.append(cold.get("Patient?name=x").status_code)
    [thread.join() for thread in threads]
    assert 429 in hot_answers, "it was overloaded"
    assert set(cold_answers) == {200} and len(cold_answers) > 4


def test_a_search_that_takes_too_long_is_cut_with_a_clear_outcome(started):
    server = started("--search-seconds", "1", "--bundle-bytes-max", "20000000")
    fhir = fhir_of(server)
    fill(fhir)
    # Many searches in one Bundle: one request, which may search for a second.
    entries = [{"request": {"method": "GET", "url": f"Basic?_content=no{n}"}} for n in range(500)]
    done = fhir.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert done.status_code == 200, done.text
    outcomes = [
        entry["response"]["outcome"] for entry in done.json()["entry"] if entry["response"]["status"].startswith("400")
    ]
    assert outcomes, "none was cut"
    assert outcomes[0]["issue"][0]["code"] == "too-costly"
    assert "SEARCH_SECONDS_MAX" in outcomes[0]["issue"][0]["diagnostics"]
    assert metric(server, "tarn_searches_cut_total") == 1
    assert fhir.get("Basic?_summary=count").json()["total"] == ROWS


def test_work_ends_when_its_client_goes_away(started):
    server = started("--searches-at-once", "1", "--wait-ms", "60000", "--bundle-bytes-max", "20000000")
    fhir = fhir_of(server)
    fill(fhir)
    for _ in range(5):
        with pytest.raises(requests.exceptions.ReadTimeout):
            prepared = requests.Request("GET", fhir.base + "Basic?_content=notthere").prepare()
            sign(fhir, prepared)
            requests.Session().send(prepared, timeout=0.005)
    assert fhir.get("Basic?_summary=count").json()["total"] == ROWS
    assert labelled(server, 'tarn_under_way{class="search"}') == 0


def sign(fhir, prepared):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    aws = AWSRequest(method=prepared.method, url=prepared.url, data=prepared.body, headers={})
    SigV4Auth(fhir.server.session.get_credentials(), "healthlake", "us-east-1").add_auth(aws)
    prepared.headers.update(dict(aws.headers))


def once(server, service):
    """A client that takes the first answer."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return server.session.client(service, endpoint_url=server.endpoint, config=config)


def test_rates_are_kept_by_every_door(started):
    server = started("--caller-rate", "5")
    client, s3 = once(server, "healthlake"), once(server, "s3")
    codes = set()
    for _ in range(30):
        try:
            client.list_fhir_datastores()
            codes.add("ok")
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
            assert error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert codes == {"ok", "ThrottlingException"}
    codes = set()
    for _ in range(30):
        try:
            s3.list_buckets()
            codes.add("ok")
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
    assert "SlowDown" in codes, codes


def test_healthlakes_quotas_are_a_preset(started):
    server = started("--quotas", "healthlake")
    client = once(server, "healthlake")
    fhir = fhir_of(server)
    with pytest.raises(ClientError) as refused:
        client.create_fhir_datastore(DatastoreTypeVersion="R4")
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert int(refused.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 30
    codes = [fhir.get("Patient/x/$everything").status_code for _ in range(40)]
    assert 429 in codes and codes[0] == 404, codes


def test_slow_senders_and_slow_readers_are_cut_off(started):
    server = started("--bundle-bytes-max", "20000000")
    host, port = server.endpoint[len("http://") :].split(":")

    # A head that never ends.
    head = socket.create_connection((host, int(port)))
    head.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    # A body of which nothing comes.
    body = socket.create_connection((host, int(port)))
    body.sendall(
        b"POST /datastore/0123456789abcdef0123456789abcdef/r4/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    )
    # An answer that nobody reads.
    fhir = fhir_of(server)
    fill(fhir)
    prepared = requests.Request("GET", fhir.base + "Basic?_count=100").prepare()
    sign(fhir, prepared)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect((host, int(port)))
    lines = [f"GET {prepared.path_url} HTTP/1.1", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in prepared.headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    reader.sendall(request * 40)

    head.settimeout(30)
    assert head.recv(1000) == b"", "the connection is closed"
    body.settimeout(40)
    assert b" 408 " in body.recv(1000)
    end = time.monotonic() + 90
    while metric(server, "tarn_slow_readers_total") == 0:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert metric(server, "tarn_slow_senders_total") == 2
    reader.close()


def test_a_thousand_idle_connections_cost_little_and_are_served_when_they_speak(started):
    server = started()
    host, port = server.endpoint[len("http://") :].split(":")
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

    def speak(connection):
        connection.sendall(ask)
        answer = connection.recv(4096)
        assert b"200 OK" in answer, answer

    before = metric(server, "process_resident_memory_bytes")
    connections = [socket.create_connection((host, int(port))) for _ in range(1000)]
    [speak(connection) for connection in connections]
    cost = (metric(server, "process_resident_memory_bytes") - before) / len(connections)
    assert metric(server, "tarn_connections") >= 1000
    assert cost < 64 * 1024, cost
    time.sleep(11)
    [speak(connection) for connection in connections]
    [connection.close() for connection in connections]
    print(f"{cost:.0f} bytes for each idle connection")
