"""Settings. Every value an operator may change comes from the environment, is typed and fails loudly.

The embedded default needs no server: SQLite, a broker in a folder, files on disk.
"""

from __future__ import annotations

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR_DIR = Path(env.str("AVOW_VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
DEBUG = env.bool("AVOW_DEBUG", default=False)
AVOW_DEMO = env.bool("AVOW_DEMO", default=False)

ROLES = ("web", "worker", "gate", "inspector", "sequencer", "scheduler", "outputs", "tsa", "setup")
AVOW_ROLE = env.str("AVOW_ROLE", default="web")
if AVOW_ROLE not in ROLES:
    raise ImproperlyConfigured(f"AVOW_ROLE is {AVOW_ROLE!r}; it must be one of {', '.join(ROLES)}.")


def _secret_key() -> str:
    """From AVOW_SECRET_KEY or the file `make setup` wrote; never a built-in value."""
    if value := env.str("AVOW_SECRET_KEY", default=""):
        return str(value)
    path = VAR_DIR / "secrets" / "django.secret"
    if not path.exists():
        raise ImproperlyConfigured(
            f"No secret key: set AVOW_SECRET_KEY, or run `make setup`, which writes {path}."
        )
    return path.read_text().strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("AVOW_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("AVOW_TRUSTED_ORIGINS", default=[])
AVOW_PUBLIC_URL = env.str("AVOW_PUBLIC_URL", default="http://localhost:8000")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "rules.apps.AutodiscoverRulesConfig",
    "compliance.accounts",
    "compliance.keys",
    "compliance.jobs",
    "compliance.ledger",
    "compliance.consent",
    "compliance.disclosure",
    "compliance.provenance",
    "compliance.release",
    "compliance.inspection",
    "compliance.legal",
    "compliance.audit",
    "avatars",
    "streaming",
    "streaming.scripting",
    "streaming.archive",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "compliance.middleware.RefusalMiddleware",
    "compliance.middleware.PermissionsPolicyMiddleware",
]

ROOT_URLCONF = "compliance.urls"
ASGI_APPLICATION = "compliance.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "compliance.context.site",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'avow.sqlite3'}")}
# A room on air looks several times a second; to open the file anew each time costs more than to read it.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("AVOW_DB_CONN_MAX_AGE", default=60)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A writer takes the lock when its transaction begins, so no upgrade from read to write can fail half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # FULL: a release that was announced must still be there after a power cut. secure_delete: what is erased, such
        # as the key to a person's stored face, is overwritten in the file and not only forgotten.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
        "PRAGMA secure_delete=ON;",
    }
    # Tests use a file as people do: in SQLite's memory, threads of one process refuse each other instead of waiting.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        # Statements that come again are planned once. Off behind a pooler that hands out connections by statement.
        prepared = env.bool("AVOW_DB_PREPARED", default=True)
        options = {"server_side_binding": prepared, "prepare_threshold": 5 if prepared else None}
        DATABASES["default"]["OPTIONS"] = options
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rate limits are counted here: by each web process for itself, or by all together in a server.
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://")}

# --- People ---
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("AVOW_EMAIL_VERIFICATION", default="mandatory")
ACCOUNT_ADAPTER = "compliance.accounts.adapter.AccountAdapter"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
AVOW_SIGNUP_OPEN = env.bool("AVOW_SIGNUP_OPEN", default=False)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG or AVOW_DEMO
EMAIL_BACKEND = env.str("AVOW_EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- Transport and pages ---
_HTTPS = AVOW_PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
if env.bool("AVOW_BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("AVOW_TIME_ZONE", default="UTC")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"


# --- Files ---
def _private_storage() -> dict[str, object]:
    """Where footage, models, quarantine and releases lie; never served directly."""
    if bucket := env.str("AVOW_S3_BUCKET", default=""):
        options: dict[str, object] = {
            "bucket_name": bucket,
            "endpoint_url": env.str("AVOW_S3_ENDPOINT", default=None),
            "default_acl": "private",
            "file_overwrite": False,
        }
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "files"), "base_url": None, "file_permissions_mode": 0o600},
    }


STORAGES = {
    "default": _private_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
AVOW_MAX_UPLOAD_MB = env.int("AVOW_MAX_UPLOAD_MB", default=2048)
# A person's recording of a script: what is uploaded, and how long it may be (its words are found in it).
AVOW_MAX_RECORDING_MB = env.int("AVOW_MAX_RECORDING_MB", default=100)
AVOW_RECORDING_MAX_S = env.int("AVOW_RECORDING_MAX_S", default=180)
# Of footage, so much is searched for our mark also as if it had been cut, turned or filmed from a screen, s. One
# stretch of the reader is 12 s; searching it in vain takes about as much processor as building from a minute.
AVOW_ORIGIN_SEARCH_S = env.float("AVOW_ORIGIN_SEARCH_S", default=12.0)
# The consented minute, step by step: least and most seconds.
AVOW_CAPTURE_SECONDS = {"still": (5, 8), "passcode": (3, 20), "idle": (25, 35), "reading": (20, 90)}
AVOW_MAX_INSPECTION_MB = env.int("AVOW_MAX_INSPECTION_MB", default=512)

# --- Work ---
CELERY_BROKER_URL = env.str("BROKER_URL", default="filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem:"):
    _messages, _control = VAR_DIR / "broker" / "messages", VAR_DIR / "broker" / "control"
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        "data_folder_in": str(_messages),
        "data_folder_out": str(_messages),
        "control_folder": str(_control),
        "polling_interval": 0.2,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "scheduler.db")

# kind -> (queue, handler). The queue decides the process, and so which keys the handler can reach.
AVOW_JOBS = {
    "consent.receipt": ("gate", "compliance.consent.tasks.sign_receipt"),
    "consent.cascade": ("default", "compliance.consent.tasks.run_cascade_step"),
    "release.permit": ("gate", "compliance.release.tasks.permit"),
    "release.gate": ("gate", "compliance.release.tasks.gate"),
    "avatars.origin": ("inspect", "avatars.origin.check_origin"),
    "avatars.build": ("render", "avatars.tasks.build"),
    "avatars.perform": ("render", "avatars.tasks.perform"),
    "avatars.hear": ("render", "avatars.tasks.hear"),
    "avatars.presenter": ("render", "avatars.tasks.presenter"),
    "inspection.inspect": ("inspect", "compliance.inspection.tasks.inspect"),
    "archive.sign": ("gate", "streaming.archive.tasks.sign"),
}
# What the scheduler starts: name -> (dotted path of a function without arguments, every so many seconds).
AVOW_PERIODIC = {
    "jobs.redispatch": ("compliance.jobs.services.redispatch", 10),
    "release.reconsider": ("compliance.release.services.reconsider_held", 60),
    "release.sweep": ("compliance.release.sweeping.sweep", 300),
    "consent.resume": ("compliance.consent.cascade.resume", 30),
    "consent.expire": ("compliance.consent.services.expire_grants", 60),
    "avatars.forget": ("avatars.services.forget_leftovers", 600),
    "avatars.unheard": ("avatars.recordings.close_given_up", 60),
    "inspection.forget": ("compliance.inspection.services.forget_expired", 300),
    "archive.plan": ("streaming.archive.services.plan_parts", 30),
    "archive.expire": ("streaming.archive.expiry.expire", 3600),
}
# WebSockets: beginning of the path -> dotted path of the ASGI function that talks there.
AVOW_SOCKETS = {"/ws/live/": "streaming.sockets.live_socket"}
# What a withdrawal reaches, in order: (name, function(grant_id, reason) -> number of things affected).
AVOW_WITHDRAWAL_STEPS = [
    ("jobs", "compliance.jobs.services.cancel_jobs_of_grant"),
    ("permits", "compliance.release.withdrawing.revoke_permits_of_grant"),
    ("keys", "avatars.likeness_keys.destroy_key_of_grant"),
    ("takes", "compliance.release.withdrawing.cancel_takes_of_grant"),
    ("rooms", "streaming.services.stop_rooms_of_grant"),
    ("releases", "compliance.release.withdrawing.list_for_takedown"),
    ("avatars", "avatars.services.destroy_avatars_of_grant"),
]
# Who checks the words of a script, and what a page of brand legal shows beside the content: review kind -> function.
AVOW_SCRIPT_ADVISER = "streaming.scripting.advice.advise"
AVOW_REVIEW_NOTES = {"script": "streaming.scripting.reviewing.notes_on"}
AVOW_JOB_LEASE_S = env.int("AVOW_JOB_LEASE_S", default=30)
AVOW_JOB_MAX_ATTEMPTS = env.int("AVOW_JOB_MAX_ATTEMPTS", default=5)

# --- Keys, marks, law ---
AVOW_KEYS_DIR = Path(env.str("AVOW_KEYS_DIR", default=str(VAR_DIR / "keys")))
AVOW_SECRETS_DIR = Path(env.str("AVOW_SECRETS_DIR", default=str(VAR_DIR / "secrets")))
AVOW_SECRET_FILE = Path(env.str("AVOW_SECRET_FILE", default=str(AVOW_SECRETS_DIR / f"{AVOW_ROLE}.secret")))
AVOW_CUSTODY = env.str("AVOW_CUSTODY", default="compliance.keys.custody.FileCustody")
AVOW_TSA_URL = env.str("AVOW_TSA_URL", default=f"http://127.0.0.1:{env.int('AVOW_TSA_PORT', default=8318)}/")
AVOW_LOG_ORIGIN = env.str("AVOW_LOG_ORIGIN", default="avow.local/log")
AVOW_PROVIDER_CODE = env.str("AVOW_PROVIDER_CODE", default="")
# Who runs this installation, as consent records name it (ISO/IEC TS 27560, party).
AVOW_OPERATOR_NAME = env.str("AVOW_OPERATOR_NAME", default="")
AVOW_OPERATOR_ADDRESS = env.str("AVOW_OPERATOR_ADDRESS", default="")
AVOW_OPERATOR_CONTACT = env.str("AVOW_OPERATOR_CONTACT", default="")
AVOW_STORAGE_LOCATION = env.str("AVOW_STORAGE_LOCATION", default="")
AVOW_SYSTEM_PLACED_ON_MARKET = env.str("AVOW_SYSTEM_PLACED_ON_MARKET", default="2026-11-22")
AVOW_PERMIT_TTL_S = env.int("AVOW_PERMIT_TTL_S", default=3600)
# On air a mark, and the permit that names it, lasts so many seconds; the decision is taken anew for each.
AVOW_LIVE_SLICE_S = env.int("AVOW_LIVE_SLICE_S", default=30)
# Where published segments lie, how many seconds after they left the playlist, and where performers reach the gate.
AVOW_LIVE_DIR = env.str("AVOW_LIVE_DIR", default=str(VAR_DIR / "live"))
AVOW_LIVE_KEEP_S = env.int("AVOW_LIVE_KEEP_S", default=7 * 24 * 3600)
# How many days each class of a broadcast's archive is kept. The law of a room's markets may ask for more.
AVOW_ARCHIVE_KEEP_DAYS = {
    "video": env.int("AVOW_KEEP_VIDEO_DAYS", default=1100),
    "speech": env.int("AVOW_KEEP_SPEECH_DAYS", default=1100),
    "events": env.int("AVOW_KEEP_EVENTS_DAYS", default=1100),
    "timeline": env.int("AVOW_KEEP_TIMELINE_DAYS", default=3660),
    "interaction": env.int("AVOW_KEEP_INTERACTION_DAYS", default=1100),
    "personal": env.int("AVOW_KEEP_PERSONAL_DAYS", default=180),
}
AVOW_LIVE_SOCKET = env.str("AVOW_LIVE_SOCKET", default=str(VAR_DIR / "live.sock"))
# Whether outputs may lead to servers on the own network; on a public installation a producer must not reach it.
AVOW_OUTPUT_PRIVATE = env.bool("AVOW_OUTPUT_PRIVATE", default=AVOW_DEMO)
AVOW_LIVE_PRESET = env.str("AVOW_LIVE_PRESET", default="veryfast")
# A language model that words script drafts and answers on air, by any OpenAI-compatible address (up to /v1). Without
# one the built-in composer does. The key comes from the environment or from a file; limits are of one room in one hour.
AVOW_MODEL_URL = env.str("AVOW_MODEL_URL", default="")
AVOW_MODEL_NAME = env.str("AVOW_MODEL_NAME", default="")
AVOW_MODEL_KEY = env.str("AVOW_MODEL_KEY", default="")
AVOW_MODEL_KEY_FILE = env.str("AVOW_MODEL_KEY_FILE", default="")
# Seconds a person waits for the model's words in a script draft before the composer's are taken.
AVOW_MODEL_DRAFT_S = env.float("AVOW_MODEL_DRAFT_S", default=20.0)
AVOW_MODEL_FIRST_WORD_S = env.float("AVOW_MODEL_FIRST_WORD_S", default=3.0)
AVOW_MODEL_TOTAL_S = env.float("AVOW_MODEL_TOTAL_S", default=8.0)
AVOW_MODEL_REQUESTS = env.int("AVOW_MODEL_REQUESTS", default=600)
AVOW_MODEL_TOKENS = env.int("AVOW_MODEL_TOKENS", default=400_000)
AVOW_MODEL_MONEY = env.float("AVOW_MODEL_MONEY", default=5.0)
AVOW_MODEL_MONEY_PER_1K_TOKENS = env.float("AVOW_MODEL_MONEY_PER_1K_TOKENS", default=0.0)
# With AVOW_DEMO: a demonstration room is brought on air at each start and leaves it after so many minutes; 0: none.
AVOW_DEMO_ROOM_MINUTES = env.int("AVOW_DEMO_ROOM_MINUTES", default=0) if AVOW_DEMO else 0
# It rests when nobody has watched for so many minutes, until somebody opens its page; 0: never.
AVOW_DEMO_ROOM_REST_MINUTES = env.int("AVOW_DEMO_ROOM_REST_MINUTES", default=5)
if AVOW_DEMO_ROOM_MINUTES:
    AVOW_PERIODIC["streaming.demo"] = ("streaming.demo_room.advance", 1)
AVOW_INSPECTION_KEEP_S = env.int("AVOW_INSPECTION_KEEP_S", default=3600)
# Who draws: "warp" is built in; others are named here, each with "command" or "url" (docs/avatar-adapters.md).
AVOW_ENGINE = env.str("AVOW_ENGINE", default="warp")
AVOW_OUTSIDE_ENGINES = env.json("AVOW_OUTSIDE_ENGINES", default={})
# A server that speaks OpenAI's /v1/audio/speech; empty: the built-in voice, and no text leaves (docs/speech.md).
AVOW_SPEECH_SERVER = env.json("AVOW_SPEECH_SERVER", default={})
AVOW_VIDEO_ENCODER = env.str("AVOW_VIDEO_ENCODER", default="libx264")
AVOW_VIDEO_PRESET = env.str("AVOW_VIDEO_PRESET", default="medium")
AVOW_VIDEO_CRF = env.int("AVOW_VIDEO_CRF", default=20)
# What the cost of a clip is reckoned from. Watts of one busy core with its share of the machine, by default; a price
# per core and hour only when the operator names one.
AVOW_CORE_WATTS = env.float("AVOW_CORE_WATTS", default=10.0)
AVOW_CPU_HOUR_PRICE = env.float("AVOW_CPU_HOUR_PRICE", default=0.05 if AVOW_DEMO else None)
AVOW_CURRENCY = env.str("AVOW_CURRENCY", default="EUR")
# How long the pictures that explain a refusal are kept.
AVOW_FINDING_PICTURES_KEEP_S = env.int("AVOW_FINDING_PICTURES_KEEP_S", default=24 * 3600)
# A face recognition network of the operator's own (ONNX), and the cosines below and above which it tells people apart.
AVOW_FACE_MODEL = env.str("AVOW_FACE_MODEL", default="")
AVOW_FACE_MODEL_OTHER = env.float("AVOW_FACE_MODEL_OTHER", default=0.28)
AVOW_FACE_MODEL_SAME = env.float("AVOW_FACE_MODEL_SAME", default=0.45)
AVOW_SANDBOX_MEMORY_MB = env.int("AVOW_SANDBOX_MEMORY_MB", default=8192)

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_RATES": {
        "inspection": env.str("AVOW_INSPECTION_RATE", default="30/hour"),
        "room-comments": env.str("AVOW_ROOM_COMMENTS_RATE", default="600/minute"),
        "room-comments-address": env.str("AVOW_ROOM_COMMENTS_ADDRESS_RATE", default="1200/minute"),
    },
    "EXCEPTION_HANDLER": "compliance.api.exception_handler",
}
SPECTACULAR_SETTINGS = {"TITLE": "Avow", "VERSION": "1", "SERVE_INCLUDE_SCHEMA": False}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("AVOW_LOG_LEVEL", default="INFO")},
    "loggers": {"httpx": {"level": "WARNING"}},  # its lines name whole addresses, which may hold a token
}
