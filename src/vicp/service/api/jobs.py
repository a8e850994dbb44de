"""Jobs: how far they are, as it happens, and stopping them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from vicp.service.api.context import ServiceParameter
from vicp.service.api.schemas import JobInfo
from vicp.service.jobs.jobs import Job

router = APIRouter(prefix="/api/v1/galleries/{gallery}/jobs/{job}", tags=["jobs"])

_LOOK_SECONDS = 0.2


@router.get("")
def job(service: ServiceParameter, gallery: str, job: str) -> JobInfo:
    """Say how far a job is."""
    return JobInfo(**service.job(gallery, job).summary())


@router.delete("", status_code=204)
def cancel(service: ServiceParameter, gallery: str, job: str) -> Response:
    """Stop a job; what it has done stays."""
    service.job(gallery, job).cancelled.set()
    return Response(status_code=204)


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    service: ServiceParameter, gallery: str, job: str, last_event_id: Annotated[int, Header(ge=0)] = 0
) -> StreamingResponse:
    """Say what changes as it happens, from after `Last-Event-ID` on; the stream ends with the job."""
    return StreamingResponse(_stream(service.job(gallery, job), last_event_id), media_type="text/event-stream")


async def _stream(job: Job, sent: int) -> AsyncIterator[str]:
    while True:
        is_over = job.state != "running"
        for number, event in enumerate(job.events[sent:], start=sent + 1):
            yield f"id: {number}\nevent: {event['state']}\ndata: {json.dumps(event)}\n\n"
            sent = number
        if is_over:
            return
        await asyncio.sleep(_LOOK_SECONDS)
