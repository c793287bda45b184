"""An OpenTelemetry collector on loopback, as far as a sender sees it: takes spans by OTLP over HTTP, and keeps them."""

import gzip
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received


class OtlpCollector:
    """`url` is where spans go; `spans` are those that have come, and `raw` the bytes that they came in."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.raw = b""
        self._server = LoopbackServer(self._answer)

    def _answer(self, asked: Received) -> Answer:
        self.take(gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body)
        said = ExportTraceServiceResponse().SerializeToString()
        return Answer(200, said, {"content-type": "application/x-protobuf"})

    def take(self, body: bytes) -> None:
        self.raw += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({pair.key: pair.value.string_value for pair in group.resource.attributes})
            for scope in group.scope_spans:
                self.spans += scope.spans

    @property
    def url(self) -> str:
        return f"{self._server.url}/v1/traces"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.__exit__(*ended)


def attributes(span: Span) -> dict[str, str | int]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
        for pair in span.attributes
    }
