# One image for every process of the product; the command says which:
#   web        (the default)
#   worker     python worker.py approvals | python worker.py control
#   migration  python -m storage.migrate
# Settings come from the environment, secrets as NAME_FILE: see settings.py.

FROM node:22.20.0-bookworm-slim AS frontend
WORKDIR /build/app/frontend
COPY app/frontend/package.json app/frontend/package-lock.json app/frontend/.npmrc ./
RUN npm ci
COPY app/frontend ./
RUN mkdir -p ../static && npm run build

FROM python:3.11.14-slim-bookworm AS packages
WORKDIR /build
COPY requirements-uv.txt requirements.txt ./
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes --requirement requirements-uv.txt \
    && uv pip install --no-cache --python /opt/venv/bin/python --require-hashes --compile-bytecode --requirement requirements.txt

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /srv --shell /usr/sbin/nologin vistobueno
WORKDIR /srv
COPY --from=packages /opt/venv /opt/venv
COPY settings.py wsgi.py worker.py ./
COPY rules ./rules
COPY gateways ./gateways
COPY storage ./storage
COPY workflows ./workflows
COPY activities ./activities
COPY app ./app
COPY --from=frontend /build/app/static/dist ./app/static/dist
ARG BUILD_ID=dev
ENV BUILD_ID=$BUILD_ID
USER 10001
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--log-level", "warning", "wsgi:app"]
