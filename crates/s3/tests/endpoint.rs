//! The endpoint as a whole: signed requests in, responses out, without a socket.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::sync::Arc;

use access::{Credentials, PathForm, Principal, Secret, Signer};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use s3::{Endpoint, EndpointOptions, Folder, PART_BYTES_MIN};
use store::{Clock, SeededRandom, SystemClock};

struct Server {
    endpoint: Endpoint,
    credentials: Credentials,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Server {
    fn start(session_token: Option<&str>) -> Server {
        let path = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let random = Arc::new(SeededRandom::new(5));
        let folder = Folder::open(path.path(), &[1; 32], clock.clone(), random).unwrap();
        folder.create_bucket("one").unwrap();
        let credentials = Credentials {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret: Secret::new("secret"),
            session_token: session_token.map(Secret::new),
        };
        let principal = Principal {
            credentials: credentials.clone(),
            account_id: "123456789012".to_owned(),
            expires_unix_seconds: None,
        };
        let options =
            EndpointOptions { region: "eu-central-1".to_owned(), domain: Some("s3.local".to_owned()) };
        let endpoint = Endpoint::new(Arc::new(folder), Arc::new(principal), clock, options);
        Server { endpoint, credentials, _folder: path }
    }

    async fn send(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send_as(&self.credentials, method, uri, headers, body).await
    }

    async fn send_as(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let uri = if uri.starts_with("http") { uri.to_owned() } else { format!("http://127.0.0.1{uri}") };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request =
            request.header("x-amz-content-sha256", "UNSIGNED-PAYLOAD").header("content-length", body.len());
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let signer = Signer {
            credentials,
            region: "eu-central-1",
            service: "s3",
            path_form: PathForm::Once,
            unix_seconds: SystemClock.now().0 / 1_000_000,
        };
        signer.sign(&mut parts, body).unwrap();
        self.answer(Request::from_parts(parts, Full::from(body.to_vec()))).await
    }

    async fn answer(&self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let (parts, body) = self.endpoint.call(request).await.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&text).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn put(&self, key: &str, body: &[u8]) {
        assert_eq!(self.send("PUT", &format!("/one/{key}"), &[], body).await.status, StatusCode::OK);
    }
}

fn element<'a>(text: &'a str, name: &str) -> &'a str {
    text.split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once("</"))
        .map_or("", |(found, _)| found)
}

#[tokio::test]
async fn strangers_are_refused() {
    let server = Server::start(None);
    let anonymous = Request::get("http://127.0.0.1/one/a").body(Full::default()).unwrap();
    let answer = server.answer(anonymous).await;
    assert_eq!((answer.status, element(&answer.text, "Code")), (StatusCode::FORBIDDEN, "AccessDenied"));
    for (id, secret, code) in
        [("AKIASTRANGER", "secret", "InvalidAccessKeyId"), ("AKIAEXAMPLE", "wrong", "SignatureDoesNotMatch")]
    {
        let key =
            Credentials { access_key_id: id.to_owned(), secret: Secret::new(secret), session_token: None };
        let answer = server.send_as(&key, "GET", "/one/a", &[], b"").await;
        assert_eq!((answer.status, element(&answer.text, "Code")), (StatusCode::FORBIDDEN, code));
    }
}

#[tokio::test]
async fn a_temporary_key_needs_its_token() {
    let server = Server::start(Some("token"));
    assert_eq!(server.send("PUT", "/one/a", &[], b"x").await.status, StatusCode::OK);
    for session_token in [None, Some(Secret::new("other"))] {
        let key = Credentials { session_token, ..server.credentials.clone() };
        let answer = server.send_as(&key, "GET", "/one/a", &[], b"").await;
        assert_eq!(element(&answer.text, "Code"), "InvalidToken");
    }
}

#[tokio::test]
async fn an_object_comes_back_with_what_was_sent_with_it() {
    let server = Server::start(None);
    let sent = [
        ("content-type", "application/fhir+ndjson"),
        ("x-amz-meta-origin", "here"),
        ("cache-control", "no-store"),
        ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-checksum-crc32", "y/Q5Jg=="),
        ("x-amz-tagging", "a=1&b=%20"),
    ];
    let put = server.send("PUT", "/one/f%20older/k", &sent, b"123456789").await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let got = server.send("GET", "/one/f%20older/k", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
    assert_eq!(got.text, "123456789");
    for (name, value) in [
        ("content-type", "application/fhir+ndjson"),
        ("x-amz-meta-origin", "here"),
        ("cache-control", "no-store"),
        ("content-encoding", "gzip"),
        ("x-amz-checksum-crc32", "y/Q5Jg=="),
        ("x-amz-tagging-count", "2"),
        ("etag", "\"25f9e794323b453885f5181f1b624d0b\""),
        ("content-length", "9"),
    ] {
        assert_eq!(got.headers.get(name).unwrap(), value, "{name}");
    }
    let tags = server.send("GET", "/one/f%20older/k?tagging", &[], b"").await;
    assert!(tags.text.contains("<Key>b</Key><Value> </Value>"), "{}", tags.text);
}

#[tokio::test]
async fn a_body_that_does_not_match_its_digest_is_not_kept() {
    let server = Server::start(None);
    for header in [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("x-amz-checksum-sha256", "AAAA"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ] {
        let answer = server.send("PUT", "/one/a", &[header], b"x").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{header:?}");
    }
    assert_eq!(server.send("GET", "/one/a", &[], b"").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn reads_and_writes_keep_to_their_conditions() {
    let server = Server::start(None);
    server.put("a", b"x").await;
    let tag = "\"9dd4e461268c8034f5c8564e155c67a6\"";
    for (method, header, status) in [
        ("GET", ("if-match", tag), 200),
        ("GET", ("if-match", "\"0\""), 412),
        ("GET", ("if-none-match", tag), 304),
        ("GET", ("if-none-match", "\"0\""), 200),
        ("GET", ("if-modified-since", "Tue, 01 Jan 2019 00:00:00 GMT"), 200),
        ("GET", ("if-unmodified-since", "Tue, 01 Jan 2019 00:00:00 GMT"), 412),
        ("PUT", ("if-none-match", "*"), 412),
        ("PUT", ("if-match", "\"0\""), 412),
        ("PUT", ("if-match", tag), 200),
    ] {
        let answer = server.send(method, "/one/a", &[header], b"x").await;
        assert_eq!(answer.status, status, "{method} {header:?}");
    }
    let absent = server.send("PUT", "/one/b", &[("if-match", tag)], b"x").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("PUT", "/one/b", &[("if-none-match", "*")], b"x").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bucket_can_stand_in_the_host_and_in_the_path() {
    let server = Server::start(None);
    server.put("a", b"x").await;
    assert_eq!(server.send("GET", "http://one.s3.local/a", &[], b"").await.text, "x");
    assert_eq!(server.send("GET", "http://s3.local/one/a", &[], b"").await.text, "x");
    assert_eq!(server.send("GET", "http://any.other.host/one/a", &[], b"").await.text, "x");
}

#[tokio::test]
async fn a_listing_writes_odd_keys_so_that_clients_can_read_them() {
    let server = Server::start(None);
    server.put("a%01%20b", b"x").await;
    let listed = server.send("GET", "/one?list-type=2&encoding-type=url", &[], b"").await;
    assert_eq!(element(&listed.text, "Key"), "a%01%20b", "{}", listed.text);
    let negative = server.send("GET", "/one?list-type=2&max-keys=-1", &[], b"").await;
    assert_eq!(element(&negative.text, "Code"), "InvalidArgument");
    let token = server.send("GET", "/one?list-type=2&continuation-token=%21", &[], b"").await;
    assert_eq!(element(&token.text, "Code"), "InvalidArgument");
}

async fn begin(server: &Server) -> String {
    element(&server.send("POST", "/one/big?uploads", &[], b"").await.text, "UploadId").to_owned()
}

async fn part(server: &Server, upload: &str, number: u32, bytes: usize) -> (StatusCode, String) {
    let uri = format!("/one/big?partNumber={number}&uploadId={upload}");
    let answer = server.send("PUT", &uri, &[], &vec![7; bytes]).await;
    let tag = answer.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    (answer.status, tag.unwrap_or_default())
}

async fn complete(server: &Server, upload: &str, parts: &[(u32, &str)]) -> Answer {
    let part = |(number, tag): &(u32, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    server.send("POST", &format!("/one/big?uploadId={upload}"), &[], body.as_bytes()).await
}

#[tokio::test]
async fn parts_become_one_object() {
    let server = Server::start(None);
    let upload = begin(&server).await;
    let (_, first) = part(&server, &upload, 1, PART_BYTES_MIN as usize).await;
    let (_, second) = part(&server, &upload, 7, 3).await;
    let listed = server.send("GET", &format!("/one/big?uploadId={upload}"), &[], b"").await;
    assert_eq!(listed.text.matches("<Part>").count(), 2);
    let uploads = server.send("GET", "/one?uploads", &[], b"").await;
    assert_eq!(element(&uploads.text, "UploadId"), upload);
    let made = complete(&server, &upload, &[(1, &first), (7, &second)]).await;
    assert!(element(&made.text, "ETag").contains("-2"), "{}", made.text);
    let got = server.send("HEAD", "/one/big", &[], b"").await;
    assert_eq!(got.headers["content-length"], (PART_BYTES_MIN + 3).to_string());
    let one = server.send("GET", "/one/big?partNumber=2", &[], b"").await;
    assert_eq!((one.status, one.text.len()), (StatusCode::PARTIAL_CONTENT, 3));
    let over = complete(&server, &upload, &[(1, &first)]).await;
    assert_eq!(element(&over.text, "Code"), "NoSuchUpload");
}

#[tokio::test]
async fn an_upload_keeps_to_its_limits() {
    let server = Server::start(None);
    let upload = begin(&server).await;
    assert_eq!(part(&server, &upload, 10_000, 1).await.0, StatusCode::OK);
    assert_eq!(part(&server, &upload, 10_001, 1).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(part(&server, &upload, 0, 1).await.0, StatusCode::BAD_REQUEST);
    let (_, small) = part(&server, &upload, 1, PART_BYTES_MIN as usize - 1).await;
    let (_, last) = part(&server, &upload, 2, 1).await;
    for (parts, code) in [
        (vec![(1, &*small), (2, &*last)], "EntityTooSmall"),
        (vec![(2, &*last), (1, &*small)], "InvalidPartOrder"),
        (vec![(2, &*last), (2, &*last)], "InvalidPartOrder"),
        (vec![(1, &*last)], "InvalidPart"),
        (vec![(3, &*last)], "InvalidPart"),
        (vec![], "MalformedXML"),
    ] {
        let answer = complete(&server, &upload, &parts).await;
        assert_eq!(element(&answer.text, "Code"), code, "{parts:?}");
    }
    let elsewhere = complete(&server, "../../../../etc", &[(1, &small)]).await;
    assert_eq!(element(&elsewhere.text, "Code"), "NoSuchUpload");
    let aborted = server.send("DELETE", &format!("/one/big?uploadId={upload}"), &[], b"").await;
    assert_eq!(aborted.status, StatusCode::NO_CONTENT);
    assert_eq!(part(&server, &upload, 1, 1).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn names_and_numbers_are_refused_one_past_their_limit() {
    let server = Server::start(None);
    let put = async |key: &str, headers: &[(&str, &str)]| {
        server.send("PUT", &format!("/one/{key}"), headers, b"x").await.status
    };
    assert_eq!(put(&"k".repeat(1024), &[]).await, StatusCode::OK);
    assert_eq!(put(&"k".repeat(1025), &[]).await, StatusCode::BAD_REQUEST);
    assert_eq!(put("m", &[("x-amz-meta-m", &"m".repeat(2047))]).await, StatusCode::OK);
    assert_eq!(put("m", &[("x-amz-meta-m", &"m".repeat(2048))]).await, StatusCode::BAD_REQUEST);
    let delete = async |count: usize| {
        let objects: String = (0..count).map(|n| format!("<Object><Key>{n}</Key></Object>")).collect();
        let body = format!("<Delete>{objects}</Delete>");
        server.send("POST", "/one?delete", &[], body.as_bytes()).await.status
    };
    assert_eq!(delete(1000).await, StatusCode::OK);
    assert_eq!(delete(1001).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let server = Server::start(None);
    server.put("a", b"content").await;
    let copy = async |key: &str, headers: &[(&str, &str)]| {
        server.send("PUT", &format!("/one/{key}"), headers, b"").await
    };
    assert_eq!(copy("b", &[("x-amz-copy-source", "/one/a")]).await.status, StatusCode::OK);
    server.send("DELETE", "/one/a", &[], b"").await;
    assert_eq!(server.send("GET", "/one/b", &[], b"").await.text, "content");
    let onto_itself = copy("b", &[("x-amz-copy-source", "one/b")]).await;
    assert_eq!(element(&onto_itself.text, "Code"), "InvalidRequest");
    let retyped = [
        ("x-amz-copy-source", "one/b"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("content-type", "text/csv"),
    ];
    assert_eq!(copy("b", &retyped).await.status, StatusCode::OK);
    assert_eq!(server.send("GET", "/one/b", &[], b"").await.headers["content-type"], "text/csv");
    let missing = copy("c", &[("x-amz-copy-source", "one/missing")]).await;
    assert_eq!(element(&missing.text, "Code"), "NoSuchKey");
}
