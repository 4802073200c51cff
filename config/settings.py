"""Every setting, read top to bottom. What differs between places comes from the environment.

`.env.example` lists the variables with their meaning; a file `.env` beside `manage.py` is read too.
With `PRODUCTION=true` the service refuses to start on a default that is not safe there.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from config import logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
VAR = Path(env.str("VAR", default=str(BASE_DIR / "var")))

PRODUCTION = env.bool("PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)


def _needed(name: str, why: str, default: str) -> str:
    """A variable that production must set and other places need not."""
    value = env.str(name, default="")
    if not value and PRODUCTION:
        raise ImproperlyConfigured(f"PRODUCTION=true needs {name}: {why}")
    return value or default


def _kept_secret(name: str, make: Callable[[int], str] = secrets.token_urlsafe, size: int = 48) -> str:
    """A random value made once under var/, readable by its owner only."""
    file = VAR / "keys" / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_name(f"{name}.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(make(size), encoding="ascii")
        with suppress(FileExistsError):  # two that start at once end with the same one
            file.hardlink_to(made)
        made.unlink()
    return file.read_text(encoding="ascii")


def _with_id(secret: str) -> str:
    """A key with an id made of it: another key, made since the first was lost, does not pass for that."""
    return f"local-{hashlib.sha256(secret.encode()).hexdigest()[:8]}:{secret}"


# --- Who we are ------------------------------------------------------------------------------

SECRET_KEY = _needed("SECRET_KEY", "a long random text that signs sessions.", "") or _kept_secret("secret_key")
if PRODUCTION and len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("PRODUCTION=true needs a SECRET_KEY of 32 characters or more, made at random.")
ALLOWED_HOSTS = [
    host.strip()
    for host in _needed(
        "ALLOWED_HOSTS", "the host names it answers to, with commas.", "localhost,127.0.0.1,[::1]"
    ).split(",")
]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("PRODUCTION=true does not go with DEBUG=true.")
if PRODUCTION and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("PRODUCTION=true needs ALLOWED_HOSTS to name hosts, not '*'.")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "import_export",
    "simple_history",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "health_check",
    "django_structlog",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "config.access",
    "config.api",
    "audit",
    "notifications",
    "contacts",
    "templates_app",
    "signing",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.requests.RequestLog",
    "config.requests.Policies",
    "config.api.limits.CountAddresses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "config.access.second_factor.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.access.backoffice.Refusals",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database --------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR / 'paraph.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "config.sqlite"
    _database["TEST"] = {"NAME": ":memory:"}
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    if str(_database["NAME"]).startswith(str(VAR)):
        VAR.mkdir(parents=True, exist_ok=True)
else:
    _database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
    _database["CONN_HEALTH_CHECKS"] = True
    _database.setdefault("OPTIONS", {})
    if "postgresql" in _database["ENGINE"]:
        _database["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 5, "connect_timeout": 5}

# --- Language and time -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True

# --- Callers ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
MIGRATION_MODULES = {"knox": None}  # its own token table is not used: ours extends its abstract model
KNOX_TOKEN_MODEL = "access.ApiToken"
REST_KNOX = {"TOKEN_MODEL": KNOX_TOKEN_MODEL, "TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token"}
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Wrong logins at the back office: a name from an address is locked out for a while.
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("LOGIN_LOCKOUT_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "config.access.resolver.client_address"
AXES_LOCKOUT_CALLABLE = "config.access.lockout.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=PRODUCTION)
OTP_TOTP_ISSUER = "Paraph"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

# Single sign-on of staff, an extra: pip install 'mozilla-django-oidc>=5,<6'
OIDC_RP_CLIENT_ID = env.str("OIDC_RP_CLIENT_ID", default="")
if OIDC_RP_CLIENT_ID:
    INSTALLED_APPS.append("mozilla_django_oidc")
    AUTHENTICATION_BACKENDS.append("config.access.sso.StaffBackend")
    OIDC_RP_CLIENT_SECRET = env.str("OIDC_RP_CLIENT_SECRET")
    OIDC_RP_SIGN_ALGO = "RS256"
    OIDC_OP_AUTHORIZATION_ENDPOINT = env.str("OIDC_OP_AUTHORIZATION_ENDPOINT")
    OIDC_OP_TOKEN_ENDPOINT = env.str("OIDC_OP_TOKEN_ENDPOINT")
    OIDC_OP_USER_ENDPOINT = env.str("OIDC_OP_USER_ENDPOINT")
    OIDC_OP_JWKS_ENDPOINT = env.str("OIDC_OP_JWKS_ENDPOINT")
    OIDC_CREATE_USER = False
    LOGIN_REDIRECT_URL = "/admin/"

# Bearer tokens of an identity provider, for API callers.
JWT_ISSUER = env.str("JWT_ISSUER", default="")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", default="")
JWT_JWKS_URL = env.str("JWT_JWKS_URL", default="")
JWT_ALGORITHMS = env.list("JWT_ALGORITHMS", default=["RS256", "ES256"])
JWT_CLAIMS = {
    "client": env.str("JWT_CLIENT_CLAIM", default="azp"),
    "subject": env.str("JWT_SUBJECT_CLAIM", default="sub"),
    "groups": env.str("JWT_GROUPS_CLAIM", default="groups"),
    "rights": env.str("JWT_RIGHTS_CLAIM", default="rights"),
    "country": env.str("JWT_COUNTRY_CLAIM", default="country"),
    "code": env.str("JWT_CODE_CLAIM", default="personal_code"),
}
if weak := [a for a in JWT_ALGORITHMS if not a.startswith(("RS", "ES", "PS", "EdDSA"))]:
    raise ImproperlyConfigured(f"JWT_ALGORITHMS holds {weak}; only algorithms with a public key are taken.")

_ways_in = {
    "token": "config.access.authentication.TokenAuthentication",
    "jwt": "config.access.bearer.BearerAuthentication",
    "session": "config.access.authentication.StaffSessionAuthentication",
}
API_CALLERS = env.list("API_CALLERS", default=["token", "session", *(["jwt"] if JWT_ISSUER else [])])
if unknown := set(API_CALLERS) - _ways_in.keys():
    raise ImproperlyConfigured(f"API_CALLERS holds {sorted(unknown)}; it may hold {', '.join(_ways_in)}.")
if "jwt" in API_CALLERS and not (JWT_ISSUER and JWT_AUDIENCE and JWT_JWKS_URL):
    raise ImproperlyConfigured("API_CALLERS holds jwt, which needs JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL.")
if PRODUCTION and JWT_JWKS_URL and not JWT_JWKS_URL.startswith("https://"):
    raise ImproperlyConfigured("PRODUCTION=true needs a JWT_JWKS_URL that begins with https://.")

REQUESTS_PER_CLIENT = env.int("REQUESTS_PER_CLIENT", default=1000)
REQUESTS_PER_ADDRESS = env.int("REQUESTS_PER_ADDRESS", default=3000)

# --- Browsers --------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if PRODUCTION else 0)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Whether a whole domain and its subdomains are HTTPS alone is for its owner to say, not for this service.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# The first prefix that fits rules; only the back office's theme and Swagger UI need more than nothing.
_self = ["'self'"]
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}}
CONTENT_SECURITY_POLICIES = {
    "/admin/": {
        "default-src": _self,
        "script-src": [*_self, "'unsafe-eval'"],
        "style-src": [*_self, "'unsafe-inline'"],
        "img-src": [*_self, "data:"],
        "form-action": _self,
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
    "/api/docs/": {
        "default-src": _self,
        "style-src": [*_self, "'unsafe-inline'"],
        "img-src": [*_self, "data:"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- API -------------------------------------------------------------------------------------

API_DOCS_PUBLIC = env.bool("API_DOCS_PUBLIC", default=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [path for way, path in _ways_in.items() if way in API_CALLERS],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "config.api.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paraph",
    "DESCRIPTION": "Takes a document through its signing process: who looks, approves and signs, in which order "
    "and until when. Authenticate with `Authorization: Token <token>`; every refusal is a problem body (RFC 9457).",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": [
        "rest_framework.permissions.AllowAny" if API_DOCS_PUBLIC else "rest_framework.permissions.IsAuthenticated"
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.add_common_refusals",
        "config.api.schema.let_warnings_be_absent",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ProcessStatus": "config.vocabulary.ProcessStatus.values",
        "StepStatus": "config.vocabulary.StepStatus.values",
        "SignerStatus": "config.vocabulary.SignerStatus.values",
        "ReportableStatus": "config.vocabulary.Reportable.values",
        "Role": "config.vocabulary.Role.values",
        "Scope": "config.vocabulary.Scope.values",
    },
}

# --- Mail ------------------------------------------------------------------------------------

_mail_server = _needed(
    "EMAIL_URL", "the mail server, smtp+tls://user:password@host:587.", f"filemail:///{VAR / 'mail'}"
)
EMAIL_CONFIG = env.email_url_config(_mail_server)
vars().update(EMAIL_CONFIG)
EMAIL_BACKEND = {
    "django.core.mail.backends.filebased.EmailBackend": "notifications.backends.files.EmailBackend",
    "django.core.mail.backends.smtp.EmailBackend": "notifications.backends.smtp.EmailBackend",
}.get(EMAIL_CONFIG["EMAIL_BACKEND"], EMAIL_CONFIG["EMAIL_BACKEND"])
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=20)
EMAIL_SEND_DEADLINE = env.int("EMAIL_SEND_DEADLINE", default=50)
SEND_LEASE = 300  # seconds that a message belongs to one sender
if EMAIL_TIMEOUT < 1 or EMAIL_SEND_DEADLINE < 1 or EMAIL_TIMEOUT + EMAIL_SEND_DEADLINE >= SEND_LEASE:
    raise ImproperlyConfigured(f"EMAIL_TIMEOUT and EMAIL_SEND_DEADLINE are 1 or more, together below {SEND_LEASE}.")
DEFAULT_FROM_EMAIL = _needed("DEFAULT_FROM_EMAIL", "the sender of mails.", "Paraph <paraph@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_LANGUAGE = env.str("EMAIL_LANGUAGE", default="en")
EMAIL_RATE_PER_MINUTE = env.int("EMAIL_RATE_PER_MINUTE", default=0)
EMAIL_REPLY_TO_INITIATOR = env.bool("EMAIL_REPLY_TO_INITIATOR", default=False)
TEST_EMAILS_PER_HOUR = env.int("TEST_EMAILS_PER_HOUR", default=100)
MESSAGE_ID_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ") or "localhost"
PORTAL_URL = _needed(
    "PORTAL_URL", "the address in signers' mails, with {signerId} in it.", "https://portal.example.org/sign/{signerId}"
)
if "{signerId}" not in PORTAL_URL:
    raise ImproperlyConfigured("PORTAL_URL must hold {signerId}, where the signer's id goes.")

# --- Evidence --------------------------------------------------------------------------------

# HMAC keys of the trail as id:secret, with commas: the first writes, all of them verify.
AUDIT_KEYS = dict(
    entry.partition(":")[::2]
    for entry in (
        _needed("AUDIT_KEYS", "the key of the audit chain, as id:secret.", "") or _with_id(_kept_secret("audit_key"))
    ).split(",")
)
if weak := [name for name, secret in AUDIT_KEYS.items() if not name or len(secret) < 32]:
    raise ImproperlyConfigured(f"AUDIT_KEYS holds id:secret with secrets of 32 characters or more; look at {weak}.")
# Ed25519 private keys as 64 hex digits, with commas: the first signs checkpoints and bundles, all of them verify.
_signing_keys = _needed("AUDIT_SIGNING_KEYS", "the key that signs checkpoints, 64 hex digits.", "") or _kept_secret(
    "audit_signing_key", secrets.token_hex, 32
)
AUDIT_SIGNING_KEYS = _signing_keys.split(",")
# Public keys of those that sign no longer and were destroyed.
AUDIT_RETIRED_PUBLIC_KEYS = env.list("AUDIT_RETIRED_PUBLIC_KEYS", default=[])
if not all(re.fullmatch("[0-9a-f]{64}", key) for key in [*AUDIT_SIGNING_KEYS, *AUDIT_RETIRED_PUBLIC_KEYS]):
    raise ImproperlyConfigured("AUDIT_SIGNING_KEYS and AUDIT_RETIRED_PUBLIC_KEYS hold keys of 64 small hex digits.")
AUDIT_CHECKPOINT_FILE = Path(env.str("AUDIT_CHECKPOINT_FILE", default=str(VAR / "audit-checkpoints.jsonl")))
AUDIT_READS = env.bool("AUDIT_READS", default=True)

# --- Signing ---------------------------------------------------------------------------------

DOCUMENT_PROFILES_REQUIRED = env.bool("DOCUMENT_PROFILES_REQUIRED", default=False)

# --- Jobs: the broker is a doorbell, the database is the queue ---------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem://"):
    _folder = VAR / "broker"
    _folder.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_folder),
        "data_folder_out": str(_folder),
        "control_folder": str(_folder / "control"),
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "visibility_timeout": 600,
        "unacked_restore_throttle": 1,
    }
# Counts of requests, shared by all processes: exact in Redis (the broker's, unless another is named), about right
# in files where there is none.
CACHE_URL = env.str("CACHE_URL", default=CELERY_BROKER_URL if CELERY_BROKER_URL.startswith("redis") else "")
if PRODUCTION and not CACHE_URL and (REQUESTS_PER_CLIENT or REQUESTS_PER_ADDRESS):
    raise ImproperlyConfigured(
        "PRODUCTION=true counts requests in Redis: set CACHE_URL, or both REQUESTS_PER_... to 0."
    )
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "paraph",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
    }
    if CACHE_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR / "cache"),
        "OPTIONS": {"MAX_ENTRIES": 2000},
    }
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat-schedule")
CELERY_TIMEZONE = "UTC"

# --- Back office -----------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Paraph",
    "SITE_HEADER": "Paraph",
    "SITE_SUBHEADER": "Signing processes",
    "SITE_SYMBOL": "draw",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
SIMPLE_HISTORY_REVERT_DISABLED = True  # a history is looked at; going back is an edit by the rules like any other
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR / "static")))
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Logs ------------------------------------------------------------------------------------

LOGGING = logs.configured(
    style=env.str("LOG_FORMAT", default="json" if PRODUCTION else "console"),
    level=env.str("LOG_LEVEL", default="INFO"),
)
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
