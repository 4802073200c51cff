"""The logging configuration: console lines or JSON. Logs contain no query strings, bodies, personal codes or
email addresses."""

import structlog

from config.api_values import JsonObject


def logging_config(*, style: str, level: str) -> JsonObject:
    """Configure structlog, and return the LOGGING setting; `style` is `console` or `json`."""
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
    # Plain tracebacks: rich ones show local variables, which contain personal codes.
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderers: dict[str, list[structlog.typing.Processor]] = {
        "console": [console],
        "json": [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
    }
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": processors,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers[style]],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"paraph": formatter},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "paraph"}},
        "root": {"handlers": ["console"], "level": level},
        # These loggers write URLs with their query strings, or repeat the request log.
        "loggers": {"django.request": {"level": "CRITICAL"}, "django.server": {"level": "CRITICAL"}},
    }
