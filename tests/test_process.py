"""The process itself: first start, second start, health, metrics, open doors, refusals."""

import os
import socket
import stat
import subprocess

import requests

from conftest import Fhir, Server, binary, create_datastore


def test_the_first_start_writes_a_private_credentials_file(server):
    path = server.data / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("[tarn]\naws_access_key_id = ")


def test_one_line_says_that_it_is_ready(server):
    assert sum("ready at" in line for line in server.log) == 1


def test_health_and_metrics_answer_without_a_signature(server):
    assert requests.get(server.endpoint + "/health").json() == {"status": "ok"}
    metrics = requests.get(server.endpoint + "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "tarn_requests_total{" in metrics.text


def test_a_second_server_on_the_same_folder_is_refused(server):
    done = subprocess.run(
        [binary(), "serve", "--listen", "127.0.0.1:0", "--data", str(server.data)], capture_output=True, text=True
    )
    assert done.returncode != 0 and "another tarn" in done.stderr


def test_an_open_door_is_refused_where_others_reach_it(tmp_path):
    done = subprocess.run(
        [binary(), "serve", "--listen", "0.0.0.0:0", "--open-fhir", "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "loopback" in done.stderr


def test_an_open_door_takes_unsigned_fhir_requests_and_nothing_else_unsigned(tmp_path):
    server = Server(tmp_path / "data", "--open-fhir").start()
    try:
        assert any("open-fhir" in line for line in server.log), server.log
        store = create_datastore(server.client("healthlake"))
        fhir = Fhir(server, store["DatastoreEndpoint"])
        made = fhir.post("Patient", json={"resourceType": "Patient", "active": True}, sign=False)
        assert made.status_code == 201, made.text
        assert fhir.get("Patient/" + made.json()["id"], sign=False).status_code == 200
        target = {"X-Amz-Target": "HealthLake.ListFHIRDatastores", "Content-Type": "application/x-amz-json-1.0"}
        assert requests.post(server.endpoint + "/", headers=target, data=b"{}").status_code in (400, 403)
        assert requests.get(server.endpoint + "/some-bucket").status_code == 403
    finally:
        assert server.stop() == 0


def test_everything_is_there_after_a_second_start(tmp_path):
    server = Server(tmp_path / "data").start()
    healthlake = server.client("healthlake")
    store = create_datastore(healthlake, DatastoreName="kept", Tags=[{"Key": "team", "Value": "a"}])
    fhir = Fhir(server, store["DatastoreEndpoint"])
    assert fhir.put("Patient/one", json={"resourceType": "Patient", "id": "one", "gender": "male"}).status_code == 201
    assert server.stop() == 0
    server.start()
    try:
        again = server.client("healthlake").describe_fhir_datastore(DatastoreId=store["DatastoreId"])
        assert again["DatastoreProperties"] == store
        found = fhir.get("Patient?gender=male").json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["one"]
    finally:
        assert server.stop() == 0
    server.check()


def test_settings_come_from_flags_environment_and_a_file(tmp_path):
    settings = tmp_path / "tarn.toml"
    settings.write_text('account-id = "123456789012"\nregion = "eu-west-1"\npublic-url = "https://fhir.example.org"\n')
    server = Server(
        tmp_path / "data", "--config", str(settings), environment={"TARN_REGION": "us-east-1"}
    ).start()
    try:
        made = server.client("healthlake").create_fhir_datastore(DatastoreTypeVersion="R4")
        arn = f"arn:aws:healthlake:us-east-1:123456789012:datastore/fhir/{made['DatastoreId']}"
        assert made["DatastoreArn"] == arn
        assert made["DatastoreEndpoint"] == f"https://fhir.example.org/datastore/{made['DatastoreId']}/r4/"
    finally:
        assert server.stop() == 0


def test_no_marker_of_a_patient_is_in_any_byte_of_the_data_folder_or_the_log(tmp_path):
    server = Server(tmp_path / "data").start()
    markers = ["Zyxmarker", "qvx-id-marker", "1931-07-23", "mrn-marker-77", "http://marker.example/system"]
    patient = {
        "resourceType": "Patient",
        "id": markers[1],
        "name": [{"family": markers[0]}],
        "birthDate": markers[2],
        "identifier": [{"system": markers[4], "value": markers[3]}],
    }
    store = create_datastore(server.client("healthlake"))
    fhir = Fhir(server, store["DatastoreEndpoint"])
    assert fhir.put(f"Patient/{markers[1]}", json=patient).status_code == 201
    assert len(fhir.get(f"Patient?name={markers[0]}&birthdate={markers[2]}").json()["entry"]) == 1
    found = fhir.get(f"Patient?identifier={markers[4]}|{markers[3]}")
    assert len(found.json().get("entry", [])) == 1, found.text
    s3 = server.client("s3")
    s3.create_bucket(Bucket="markers")
    s3.put_object(Bucket="markers", Key=f"in/{markers[0]}.ndjson", Body=str(patient).encode())
    assert server.stop() == 0
    for folder, _, files in os.walk(server.data):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = file.read()
            for marker in markers:
                assert marker not in path, path
                assert marker.encode() not in content, (path, marker)
    for marker in markers:
        assert not any(marker in line for line in server.log), marker
    server.check()


def speak(server, text=b""):
    """An open connection on which `text` was sent."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(text)
    return connection


def test_a_body_that_announces_to_be_too_large_is_refused_before_it_is_read(server):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: HealthLake.ListFHIRDatastores\r\nContent-Length: 99999999\r\n\r\n"
    with speak(server, head) as connection:
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413") and b"RequestEntityTooLargeException" in answer, answer


def test_connections_that_say_nothing_do_not_keep_the_server_from_stopping(tmp_path):
    server = Server(tmp_path / "data").start()
    silent = [speak(server), speak(server, b"PRI * HTTP"), speak(server, b"GET / HTTP/1.1\r\n")]
    try:
        assert requests.get(server.endpoint + "/health").ok
        assert server.stop() == 0
        assert not any("cut off" in line for line in server.log), server.log
    finally:
        for connection in silent:
            connection.close()
