"""Counts and times for Prometheus."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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

    def text(self, waiting: Mapping[str, int], photos: Mapping[str, int]) -> bytes:
        """Return all of them as Prometheus reads them.

        Args:
            waiting: What waits for each worker.
            photos: How many photos each gallery has.
        """
        for worker, count in waiting.items():
            self.queue.labels(worker).set(count)
        for gallery, count in photos.items():
            self.photos.labels(gallery).set(count)
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
