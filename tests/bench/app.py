# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of the benchmark, with the middleware that $BENCH_PEER names; none: the app alone."""
import os

from fastapi import FastAPI


def add_prometheus(application):
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator().instrument(application).expose(application)


def add_opentelemetry(application):
    """Spans and metrics as an application has them; made, collected in batches, and then thrown away."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    FastAPIInstrumentor.instrument_app(application)


def add_sentry(_application):
    """A DSN at which nobody listens: nothing is sent unless something fails, and nothing fails here."""
    import sentry_sdk

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=None, auto_session_tracking=True)


ADD = {"prometheus": add_prometheus, "opentelemetry": add_opentelemetry, "sentry": add_sentry}
PEER = os.environ.get("BENCH_PEER", "")
if PEER == "sentry":  # it hooks the framework's classes, and wants to be there first
    add_sentry(None)
app = FastAPI()


@app.get("/items/{item_id}")
async def item(item_id: int):
    return {"item": item_id, "name": "bench"}


if PEER in ADD and PEER != "sentry":
    ADD[PEER](app)
