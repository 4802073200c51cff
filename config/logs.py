"""How logs look: lines for people, or JSON. No query strings, no bodies, nobody's code or address."""

from typing import Any

import structlog


def configured(*, style: str, level: str) -> dict[str, Any]:
    """Python's logging configuration; `style` is `console` or `json`."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {"()": structlog.stdlib.ProcessorFormatter, "foreign_pre_chain": processors}
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    as_json = [meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {**formatter, "processors": as_json},
            # Plain tracebacks: rich ones show local variables, and those hold people's codes.
            "console": {
                **formatter,
                "processors": [
                    meta,
                    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
                ],
            },
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": style}},
        "root": {"handlers": ["console"], "level": level},
        # These write the address asked for with its query string, or repeat what the request log says.
        "loggers": {"django.request": {"level": "CRITICAL"}, "django.server": {"level": "CRITICAL"}},
    }
