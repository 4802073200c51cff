"""Every setting, in one file to be read from top to bottom.

Values that depend on the deployment come from the environment, or from a file `.env` next to
`manage.py`. `.env.example` lists and explains the variables. With `PRODUCTION=true` the service refuses to
start with unsafe defaults. Importing this file has one side effect, described in `config.local_keys`.
"""

import logging
import re
import warnings
from datetime import timedelta
from pathlib import Path

from config.api.schema_settings import schema_settings
from config.cache import cache_settings
from config.environment import Environment, is_sender
from config.local_keys import local_audit_key, local_key, make_private
from config.logs import logging_config
from config.production import production_problems

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
env.read_env(BASE_DIR / ".env")
VAR = Path(env.str("VAR", default=str(BASE_DIR / "var")))
_KEYS = VAR / "keys"

PRODUCTION = env.bool("PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
if not PRODUCTION:
    make_private(VAR)

# --- The service -----------------------------------------------------------------------------

SECRET_KEY = env.required(
    "SECRET_KEY", "a long random text that signs sessions", lambda: local_key(_KEYS / "secret_key")
)
env.refuse_if(
    PRODUCTION and SECRET_KEY and len(SECRET_KEY) < 32, "SECRET_KEY must be random, with 32 or more characters."
)
_hosts = env.required("ALLOWED_HOSTS", "the host names of the service, comma-separated", "localhost,127.0.0.1,[::1]")
ALLOWED_HOSTS = [host.strip() for host in _hosts.split(",")]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
env.refuse_if(TRUSTED_PROXIES < 0, "TRUSTED_PROXIES must be 0 or more.")
ADDRESS_HEADER = env.str("ADDRESS_HEADER", default="Forwarded")
_has_no_twin = re.fullmatch("[A-Za-z0-9]+", ADDRESS_HEADER)
env.refuse_if(not _has_no_twin, "ADDRESS_HEADER must consist of letters and digits; clients can forge other names.")

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
    "config.requests.ReportedScheme",
    "config.requests.AnyHostForHealth",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.requests.RequestLog",
    "config.requests.ContentSecurityPolicy",
    "config.api.limits.CountAddresses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "config.access.second_factor.RequireSecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.access.backoffice.RejectNul",
    "config.access.backoffice.ShowRefusals",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
_template_options = {
    "context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]
}
_template_backend = "django.template.backends.django.DjangoTemplates"
# Templates that extend those of the same name in a library.
_overrides = [BASE_DIR / "notifications" / "overrides"]
TEMPLATES = [{"BACKEND": _template_backend, "DIRS": _overrides, "APP_DIRS": True, "OPTIONS": _template_options}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The number of requests that a process of the web server works on at once; others wait without a thread.
REQUEST_THREADS = env.int("REQUEST_THREADS", default=8)
env.refuse_if(REQUEST_THREADS < 1, "REQUEST_THREADS must be 1 or more.")

# --- Database --------------------------------------------------------------------------------

_local_database = f"sqlite:///{VAR / 'paraph.sqlite3'}"
_database = env.parse_url("DATABASE_URL", env.db_url_config, env.str("DATABASE_URL", default=""), _local_database)
DATABASES = {"default": _database}
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "config.sqlite"
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    _database["ENGINE"] = "config.postgresql"
    _database["CONN_HEALTH_CHECKS"] = True
    _database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
    _options = _database.setdefault("OPTIONS", {})
    _options.update(server_side_binding=True, prepare_threshold=5, connect_timeout=5)

# --- Language and time -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- Callers ---------------------------------------------------------------------------------

# Lists count and skip at most this many rows.
LIST_LIMIT = env.int("LIST_LIMIT", default=10_000)
env.refuse_if(LIST_LIMIT < 200, "LIST_LIMIT must be 200 or more, the largest page.")

AUTH_USER_MODEL = "access.User"
# ApiToken extends knox's abstract model, so knox needs no table of its own.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "access.ApiToken"
REST_KNOX = {"TOKEN_MODEL": KNOX_TOKEN_MODEL, "TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token"}
AUTHENTICATION_BACKENDS = ["config.access.lockout.LockoutBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# After too many failed back office logins, a username is locked out from one IP address (IPv6: a /64 network) for a
# while. Neither names that do not exist nor forms are stored.
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("LOGIN_LOCKOUT_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "config.access.logins.login_address"
AXES_USERNAME_CALLABLE = "config.access.logins.login_name"
AXES_LOCKOUT_CALLABLE = "config.access.lockout.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
LOGIN_REDIRECT_URL = "admin:index"
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=PRODUCTION)
OTP_TOTP_ISSUER = "Paraph"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

# Single sign-on of staff (an extra): pip install 'mozilla-django-oidc>=5,<6'
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

# Bearer tokens from an identity provider, for API clients.
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
# With a symmetric algorithm, the public key could serve as the secret of a forged token.
_symmetric = [name for name in JWT_ALGORITHMS if not name.startswith(("RS", "ES", "PS", "EdDSA"))]
env.refuse_if(_symmetric, f"JWT_ALGORITHMS must contain only public-key algorithms, not {_symmetric}.")

_authentication_classes = {
    "token": "config.access.authentication.TokenAuthentication",
    "jwt": "config.access.bearer.BearerAuthentication",
    "session": "config.access.authentication.StaffSessionAuthentication",
}
API_CALLERS = env.list("API_CALLERS", default=["token", "session", "jwt"] if JWT_ISSUER else ["token", "session"])
_unknown = sorted(set(API_CALLERS) - _authentication_classes.keys())
env.refuse_if(_unknown, f"API_CALLERS must contain only token, jwt and session, not {_unknown}.")
_is_incomplete = "jwt" in API_CALLERS and not (JWT_ISSUER and JWT_AUDIENCE and JWT_JWKS_URL)
env.refuse_if(_is_incomplete, "JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL must be set if API_CALLERS contains jwt.")

# Requests per minute; 0 means unlimited.
REQUESTS_PER_CLIENT = env.int("REQUESTS_PER_CLIENT", default=1000)
REQUESTS_PER_ADDRESS = env.int("REQUESTS_PER_ADDRESS", default=3000)
LOGINS_PER_ADDRESS = env.int("LOGINS_PER_ADDRESS", default=20)

# --- Browsers --------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("paraph.scheme", "https")
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if PRODUCTION else 0)
# HSTS for subdomains and preloading concern the whole domain: its owner decides, not this service.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# Strict; config.requests has the exceptions.
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}}

# --- API -------------------------------------------------------------------------------------

API_DOCS_PUBLIC = env.bool("API_DOCS_PUBLIC", default=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [path for name, path in _authentication_classes.items() if name in API_CALLERS],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "config.api.problems.handle",
}
SPECTACULAR_SETTINGS = schema_settings(is_public=API_DOCS_PUBLIC)

# --- Email -----------------------------------------------------------------------------------

EMAIL_URL = env.required(
    "EMAIL_URL", "the SMTP server, smtp+tls://user:password@host:587", f"filemail:///{VAR / 'mail'}"
)
# environ takes smtps for STARTTLS. RFC 8314 and every mail server mean TLS from the first byte.
_email_url = re.sub("^smtps:", "smtp+ssl:", EMAIL_URL, flags=re.IGNORECASE)
_email = env.parse_url("EMAIL_URL", env.email_url_config, _email_url, "dummymail://")
# Our own backends in place of Django's for SMTP and files; any other backend unchanged.
EMAIL_BACKEND = {
    "django.core.mail.backends.filebased.EmailBackend": "notifications.backends.files.EmailBackend",
    "django.core.mail.backends.smtp.EmailBackend": "notifications.backends.smtp.EmailBackend",
}.get(_email["EMAIL_BACKEND"], _email["EMAIL_BACKEND"])
EMAIL_FILE_PATH = _email["EMAIL_FILE_PATH"]
EMAIL_HOST = _email["EMAIL_HOST"]
EMAIL_PORT = _email["EMAIL_PORT"]
if EMAIL_HOST and not EMAIL_PORT:
    EMAIL_PORT = 465 if _email.get("EMAIL_USE_SSL") else 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=20)
EMAIL_SEND_DEADLINE = env.int("EMAIL_SEND_DEADLINE", default=50)
# Seconds after which the rendering of an administrator's text is given up.
RENDER_DEADLINE = 20
# Seconds for which a claimed message belongs to one sender; longer than any attempt to render and send it.
SEND_LEASE = 300
_longest_attempt = RENDER_DEADLINE + EMAIL_TIMEOUT + EMAIL_SEND_DEADLINE
_wrong_timeout = min(EMAIL_TIMEOUT, EMAIL_SEND_DEADLINE) < 1 or _longest_attempt >= SEND_LEASE
env.refuse_if(
    _wrong_timeout,
    "EMAIL_TIMEOUT and EMAIL_SEND_DEADLINE must each be 1 or more, "
    f"and their sum must be below {SEND_LEASE - RENDER_DEADLINE}.",
)
_SENDER_RULE = (
    'DEFAULT_FROM_EMAIL must be one email address; a name with a comma must be in quotes: "A, B" <a@example.org>.'
)
DEFAULT_FROM_EMAIL = env.required("DEFAULT_FROM_EMAIL", "the sender of emails", "Paraph <paraph@localhost>")
EMAIL_LANGUAGE = env.str("EMAIL_LANGUAGE", default="en")
# A new or changed retention of a document profile deletes nothing for this many days.
RETENTION_WARNING_DAYS = env.int("RETENTION_WARNING_DAYS", default=14)
EMAIL_RATE_PER_MINUTE = env.int("EMAIL_RATE_PER_MINUTE", default=0)
# Emails in any hour; 0 means unlimited.
EMAILS_PER_ADDRESS_PER_HOUR = env.int("EMAILS_PER_ADDRESS_PER_HOUR", default=100)
EMAILS_PER_CLIENT_PER_HOUR = env.int("EMAILS_PER_CLIENT_PER_HOUR", default=2000)
EMAIL_INTERNAL_DOMAINS = env.list("EMAIL_INTERNAL_DOMAINS", default=[])
EMAIL_REPLY_TO_INITIATOR = env.bool("EMAIL_REPLY_TO_INITIATOR", default=False)
TEST_EMAILS_PER_HOUR = env.int("TEST_EMAILS_PER_HOUR", default=100)
env.refuse_if(DEFAULT_FROM_EMAIL and not is_sender(DEFAULT_FROM_EMAIL), _SENDER_RULE)
MESSAGE_ID_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ") or "localhost"
PORTAL_URL = env.required("PORTAL_URL", "the link in emails to signers", "https://portal.example.org/sign/{signerId}")
env.refuse_if(
    "{signerId}" not in PORTAL_URL, "PORTAL_URL must contain {signerId}, the placeholder for the signer's id."
)

# --- Evidence --------------------------------------------------------------------------------

# HMAC keys of the audit chain: comma-separated id:secret. The first writes; all of them verify.
_audit_keys = env.required(
    "AUDIT_KEYS", "the keys of the audit chain, id:secret", lambda: local_audit_key(_KEYS / "audit_key")
)
AUDIT_KEYS: dict[str, str] = {}
for _entry in filter(None, _audit_keys.split(",")):
    _key_id, _, _secret = _entry.partition(":")
    _rule = f"AUDIT_KEYS must be id:secret; the secret of '{_key_id}' must have 32+ characters."
    env.refuse_if(not _key_id or len(_secret) < 32, _rule)
    AUDIT_KEYS[_key_id] = _secret

# Ed25519 private keys: comma-separated, 64 lowercase hex digits. The first signs checkpoints and bundles; all of
# them verify. For keys that were destroyed, list the public keys as retired.
_signing_keys = env.required(
    "AUDIT_SIGNING_KEYS",
    "the key that signs checkpoints, 64 lowercase hex digits",
    lambda: local_key(_KEYS / "audit_signing_key"),
)
AUDIT_SIGNING_KEYS = _signing_keys.split(",")
AUDIT_RETIRED_PUBLIC_KEYS = env.list("AUDIT_RETIRED_PUBLIC_KEYS", default=[])
_are_hex = all(re.fullmatch("[0-9a-f]{64}", key) for key in [*AUDIT_SIGNING_KEYS, *AUDIT_RETIRED_PUBLIC_KEYS] if key)
env.refuse_if(not _are_hex, "AUDIT_SIGNING_KEYS and AUDIT_RETIRED_PUBLIC_KEYS must be 64 lowercase hex digits each.")
AUDIT_CHECKPOINT_FILE = Path(env.str("AUDIT_CHECKPOINT_FILE", default=str(VAR / "audit-checkpoints.jsonl")))
AUDIT_READS = env.bool("AUDIT_READS", default=True)

# --- Signing ---------------------------------------------------------------------------------

DOCUMENT_PROFILES_REQUIRED = env.bool("DOCUMENT_PROFILES_REQUIRED", default=False)

# --- Jobs: the broker only wakes workers, the database is the queue ----------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
CACHE_URL = ""
if CELERY_BROKER_URL.startswith("filesystem://"):
    _folder = str(VAR / "broker")
    CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": _folder, "data_folder_out": _folder}
    CELERY_BROKER_TRANSPORT_OPTIONS["control_folder"] = f"{_folder}/control"
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "visibility_timeout": 600,
        "unacked_restore_throttle": 1,
    }
    CACHE_URL = CELERY_BROKER_URL
# The cache counts requests for all processes together: exactly in Redis (by default the broker's), approximately
# in files.
CACHE_URL = env.str("CACHE_URL", default=CACHE_URL)
_lacks_redis = PRODUCTION and not CACHE_URL and (REQUESTS_PER_CLIENT or REQUESTS_PER_ADDRESS or LOGINS_PER_ADDRESS)
env.refuse_if(_lacks_redis, "CACHE_URL must be a Redis URL, unless the request and login limits are 0.")
CACHES = {"default": cache_settings(CACHE_URL, folder=VAR / "cache")}

# --- Back office -----------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Paraph",
    "SITE_HEADER": "Paraph",
    "SITE_SUBHEADER": "Signing processes",
    "SITE_SYMBOL": "draw",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "config.access.logins.LoginForm"},
}
# Reverting would bypass the rules for edits: the history is read-only.
SIMPLE_HISTORY_REVERT_DISABLED = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR / "static")))
# In production, collectstatic collects the files. Otherwise they are served from the apps, and a missing folder is
# no reason for whitenoise to warn.
WHITENOISE_USE_FINDERS = not PRODUCTION
_static_storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
if not PRODUCTION:
    warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
    _static_storage = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {"staticfiles": {"BACKEND": _static_storage}}

# --- Logs ------------------------------------------------------------------------------------

_log_format = env.str("LOG_FORMAT", default="json" if PRODUCTION else "console")
LOGGING = logging_config(style=_log_format, level=env.str("LOG_LEVEL", default="INFO"))
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

if PRODUCTION:
    env.problems.extend(production_problems(globals()))
env.finish()
