# One image for every process of the product; the command says which:
#   web        (the default)
#   worker     python worker.py approvals | python worker.py control
#   migration  python -m storage.migrate
# and a second one, --target drills, with the sandbox shop, the demo company and the drills beside it.
# Settings come from the environment, secrets as NAME_FILE: see settings.py. Nothing writes but to /tmp and /dev/shm.
# Why so: docs/decisions/0022-containers-that-can-be-looked-into.md

FROM node:22.20.0-bookworm-slim@sha256:b21fe589dfbe5cc39365d0544b9be3f1f33f55f3c86c87a76ff65a02f8f5848e AS frontend
WORKDIR /build/app/frontend
COPY app/frontend/package.json app/frontend/package-lock.json app/frontend/.npmrc ./
RUN npm ci
COPY app/frontend ./
RUN mkdir -p ../static && npm run build
ARG VERSION=0.1.0
RUN mkdir /sbom \
    && npm pkg set version="$VERSION" \
    && npm sbom --package-lock-only --sbom-format cyclonedx --sbom-type application > /sbom/frontend.cdx.json

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS packages
WORKDIR /build
COPY requirements-uv.txt requirements.txt ./
RUN python -m venv --without-pip /opt/venv \
    && pip install --no-cache-dir --require-hashes --requirement requirements-uv.txt \
    && uv pip install --no-cache --python /opt/venv/bin/python --require-hashes --compile-bytecode --requirement requirements.txt

FROM packages AS sbom
COPY requirements-sbom.txt pyproject.toml ./
RUN python -m venv --without-pip /opt/sbom \
    && uv pip install --no-cache --python /opt/sbom/bin/python --require-hashes --requirement requirements-sbom.txt \
    && mkdir /sbom \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file /sbom/python.cdx.json /opt/venv/bin/python

FROM packages AS packages-of-drills
COPY requirements-drills.txt ./
RUN uv pip install --no-cache --target /opt/drills --python-version 3.11 --require-hashes --requirement requirements-drills.txt \
    && mkdir /var/lib/vendor

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS base
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
COPY --from=frontend /sbom /usr/share/sbom
COPY --from=sbom /sbom /usr/share/sbom
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=8s --start-period=30s --start-interval=1s \
    CMD ["python", "-m", "gateways.health", "http://127.0.0.1:8000/readyz"]
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--keep-alive", "65", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--log-level", "warning", "wsgi:app"]
# What tells one build from another comes last, so that two builds of one code share all layers.
ARG VERSION=0.1.0
ARG BUILD_ID=dev
ARG BUILD_COMMIT=
ARG BUILD_NOTE=
ENV BUILD_ID=$BUILD_ID \
    BUILD_COMMIT=$BUILD_COMMIT \
    BUILD_NOTE=$BUILD_NOTE
LABEL org.opencontainers.image.title="Vistobueno" \
    org.opencontainers.image.description="Purchase approvals whose code, policy and process can change while requests are waiting" \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$BUILD_COMMIT \
    example.vistobueno.build=$BUILD_ID \
    example.vistobueno.sbom=/usr/share/sbom

FROM base AS drills
COPY --from=packages-of-drills /opt/drills /opt/drills
COPY local ./local
# The shop's ledger lies in a volume; it belongs to whom the folder in the image belongs to.
COPY --chown=10001:10001 --from=packages-of-drills /var/lib/vendor /var/lib/vendor
ENV PYTHONPATH=/opt/drills
LABEL org.opencontainers.image.title="Vistobueno drills"

FROM base AS product
