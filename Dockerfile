FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/static VAR=/var/lib/paraph
WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY . .
# collectstatic needs valid settings. These placeholders exist during this build step only.
RUN useradd --system --home-dir /var/lib/paraph --create-home paraph \
    && chmod 700 /var/lib/paraph && install -d -o paraph /evidence \
    && PRODUCTION=true AUDIT_KEYS=only:to-collect-the-files-of-the-back-office AUDIT_SIGNING_KEYS=$(printf '5e1f2a07%.0s' $(seq 8)) SECRET_KEY=only-to-collect-the-files-of-the-back-office-in-this-build-step DATABASE_URL=postgres://unused/unused CACHE_URL=redis://unused ALLOWED_HOSTS=localhost PORTAL_URL=https://localhost/{signerId} \
       EMAIL_URL=smtp://localhost:25 DEFAULT_FROM_EMAIL=paraph@localhost VAR=/tmp python manage.py collectstatic --no-input -v 0

USER paraph
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health/', headers={'Host': 'localhost'}), timeout=4)"]
CMD ["granian", "--interface", "asginl", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--respawn-failed-workers", "--backpressure", "1000", "--no-ws", "--no-access-log", "config.asgi:application"]
