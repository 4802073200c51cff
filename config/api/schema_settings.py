"""The fixed settings of the generated schema. Imported by the settings, so it imports nothing of Django."""

_ENUMERATIONS = ("ProcessStatus", "StepStatus", "SignerStatus", "Role", "Scope")


def schema_settings(*, is_public: bool) -> dict[str, object]:
    """SPECTACULAR_SETTINGS; with `is_public`, the schema and its pages need no authentication."""
    permission = "AllowAny" if is_public else "IsAuthenticated"
    return {
        "TITLE": "Paraph",
        "DESCRIPTION": "Manages the signing process of a document: who views, approves and signs it, in what order and "
        "by when. Authenticate with `Authorization: Token <token>`. Every error is a problem body (RFC 9457).",
        "VERSION": "0.1.0",
        "SERVE_INCLUDE_SCHEMA": False,
        "SERVE_PERMISSIONS": [f"rest_framework.permissions.{permission}"],
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "POSTPROCESSING_HOOKS": [
            "drf_spectacular.hooks.postprocess_schema_enums",
            "config.api.schema.let_warnings_be_absent",
        ],
        "ENUM_NAME_OVERRIDES": {
            "ReportableStatus": "config.vocabulary.Reportable.values",
            **{name: f"config.vocabulary.{name}.values" for name in _ENUMERATIONS},
        },
    }
