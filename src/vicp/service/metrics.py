"""Counts and times for Prometheus."""

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from vicp.service.service import Service


class Metrics:
    """The counts of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vicp_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram("vicp_request_seconds", "Time to an answer", ["route"], registry=self.registry)
        self.embedded = Counter("vicp_photos_embedded", "Photos that a request asked about", registry=self.registry)
        self.queue = Gauge("vicp_queue_length", "What waits", ["worker"], registry=self.registry)
        self.photos = Gauge("vicp_gallery_photos", "Photos of a gallery", ["gallery"], registry=self.registry)

    def text(self, service: "Service") -> bytes:
        """Return all of them as Prometheus reads them."""
        for worker in (service.model, service.writer):
            self.queue.labels(worker.name).set(worker.waiting)
        for name, gallery in service.galleries.items() if service.is_ready else ():
            if gallery.exists:
                self.photos.labels(name).set(len(gallery.frame(gallery.snapshot)))
        return generate_latest(self.registry)


class CountRequests:
    """Count every request by its route's pattern, so that names of galleries make no new counts.

    Args:
        app: What answers.
        metrics: Where to count.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), [500]

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, Request(scope).method, status[0]).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)
