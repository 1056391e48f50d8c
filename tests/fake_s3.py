"""An S3 in memory that fails as it is told to: errors, silence, cut connections, wrong lengths."""

import hashlib
import itertools
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

PAGE = 1000


class FakeS3:
    """Buckets of objects, in memory. `fault(method, key, query)` says what is to go wrong with a request, or None:

    ("status", 503, "SlowDown")   an error answer
    ("cut", n)                    the connection is closed after n bytes of the body
    ("hang", seconds)             nothing is answered for so long, then the connection is closed
    ("slow", seconds)             the answer comes so much later
    ("short", n)                  the object is n bytes shorter than its listing says
    """

    def __init__(self):
        self.objects = {}
        self.uploads = {}
        self.requests = []
        self.fault = lambda method, key, query: None
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, method, key=None):
        return sum(1 for found in self.requests if found[0] == method and (key is None or key in found[1]))

    def handler(fake):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def answer(self, status, body=b"", headers=(), length=None, cut=None):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body if cut is None else body[:cut])
                if cut is not None:
                    self.wfile.flush()
                    self.close_connection = True

            def error(self, status, code):
                body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
                self.answer(status, body.encode(), [("Content-Type", "application/xml")])

            def handle_any(self):
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
                bucket, _, key = unquote(url.path).lstrip("/").partition("/")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with fake.lock:
                    fake.requests.append((self.command, key, query, self.headers.get("Range")))
                    fault = fake.fault(self.command, key, query)
                cut = None
                if fault and fault[0] == "status":
                    return self.error(fault[1], fault[2])
                if fault and fault[0] == "hang":
                    time.sleep(fault[1])
                    self.close_connection = True
                    return None
                if fault and fault[0] == "slow":
                    time.sleep(fault[1])
                if fault and fault[0] == "cut":
                    if self.command in ("PUT", "POST"):
                        self.close_connection = True
                        return None
                    cut = fault[1]
                short = fault[1] if fault and fault[0] == "short" else 0
                return self.serve(bucket, key, query, body, cut, short)

            def serve(self, bucket, key, query, body, cut, short):
                if self.command == "POST" and "delete" in query:
                    return self.delete_many(bucket, body)
                if not key:
                    return self.listing(bucket, query, cut)
                place = (bucket, key)
                if self.command == "POST" and "uploads" in query:
                    upload = str(next(fake.numbers))
                    fake.uploads[upload] = {}
                    return self.answer(200, f"<R><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId></R>".encode())
                if self.command == "PUT" and "partNumber" in query:
                    fake.uploads[query["uploadId"]][int(query["partNumber"])] = body
                    return self.answer(200, headers=[("ETag", self.etag(body))])
                if self.command == "POST" and "uploadId" in query:
                    parts = fake.uploads.pop(query["uploadId"])
                    fake.objects[place] = b"".join(parts[number] for number in sorted(parts))
                    return self.answer(200, f"<R><ETag>{self.etag(fake.objects[place])}</ETag></R>".encode())
                if self.command == "PUT":
                    fake.objects[place] = body
                    return self.answer(200, headers=[("ETag", self.etag(body))])
                if self.command == "DELETE":
                    fake.objects.pop(place, None)
                    fake.uploads.pop(query.get("uploadId"), None)
                    return self.answer(204)
                if place not in fake.objects:
                    return self.error(404, "NoSuchKey")
                return self.content(fake.objects[place], cut, short)

            def delete_many(self, bucket, body):
                keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", body.decode())]
                for key in keys:
                    fake.objects.pop((bucket, key), None)
                rows = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
                self.answer(200, f"<DeleteResult>{rows}</DeleteResult>".encode(), [("Content-Type", "application/xml")])

            def content(self, held, cut, short):
                held = held[: len(held) - short]
                headers = [
                    ("ETag", self.etag(held)),
                    ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
                    ("Accept-Ranges", "bytes"),
                ]
                asked = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range") or "")
                if not asked:
                    return self.answer(200, held, headers, cut=cut)
                start, end = int(asked[1]), int(asked[2] or len(held) - 1)
                if start >= len(held):
                    return self.error(416, "InvalidRange")
                end = min(end, len(held) - 1)
                headers.append(("Content-Range", f"bytes {start}-{end}/{len(held)}"))
                return self.answer(206, held[start : end + 1], headers, cut=cut)

            def listing(self, bucket, query, cut):
                after = query.get("continuation-token") or query.get("start-after") or ""
                size = min(int(query.get("max-keys", PAGE)), PAGE)
                keys = sorted(k for b, k in fake.objects if b == bucket and k.startswith(query.get("prefix", "")) and k > after)
                page, rest = keys[:size], keys[size:]
                rows = "".join(
                    f"<Contents><Key>{escape(key)}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
                    f"<ETag>{escape(self.etag(fake.objects[bucket, key]))}</ETag>"
                    f"<Size>{len(fake.objects[bucket, key])}</Size></Contents>"
                    for key in page
                )
                more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest and page else ""
                body = (
                    f"<?xml version='1.0'?><ListBucketResult><Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount>"
                    f"<MaxKeys>{size}</MaxKeys><IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{rows}{more}</ListBucketResult>"
                )
                self.answer(200, body.encode(), [("Content-Type", "application/xml")], cut=cut)

            @staticmethod
            def etag(body):
                return f'"{hashlib.md5(body).hexdigest()}"'

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        return Handler
