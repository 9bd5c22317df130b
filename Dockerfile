# coding-agent: the worker (uid 10001) and, as root, `coding-agent sandbox serve` from the same image.
# `make image` builds it with docker, else with buildah. In closed networks it hands in two secrets, which no layer keeps:
#   network  shell assignments for pip and uv, such as UV_DEFAULT_INDEX and PIP_INDEX_URL
#   ca       certificates to trust while installing
ARG BASE_IMAGE=debian:bookworm-slim

# Interpreters for the test environments: `--build-context pythons=FOLDER` (laid out as pyenv's versions/) takes the
# place of this empty stage; else uv downloads PYTHON_VERSIONS.
# checkov:skip=CKV_DOCKER_7:scratch has no tag, and the base image is an argument
FROM scratch AS pythons

FROM ${BASE_IMAGE} AS tools
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates patchelf python3 python3-venv >/dev/null
COPY requirements/dev.txt /build/
COPY scripts/with_network.sh /usr/local/bin/with_network
# uv and setuptools alone out of the lock, so that pip checks their hashes.
RUN --mount=type=secret,id=network --mount=type=secret,id=ca \
    awk '/^[a-z0-9]/{on=0} /^(uv|setuptools)==/{on=1} on' /build/dev.txt > /build/tools.txt \
    && python3 -m venv /build/tools \
    && with_network /build/tools/bin/pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r /build/tools.txt

FROM tools AS interpreters
ARG PYTHON_VERSIONS="3.8 3.9 3.10 3.11 3.12 3.13"
COPY scripts/interpreters.sh /build/
RUN --mount=type=bind,from=pythons,target=/given --mount=type=secret,id=network --mount=type=secret,id=ca \
    PATH=/build/tools/bin:$PATH with_network sh /build/interpreters.sh /given /opt/pythons

FROM tools AS application
COPY requirements/run.txt /build/
RUN --mount=type=secret,id=network --mount=type=secret,id=ca \
    python3 -m venv --without-pip /opt/coding-agent \
    && with_network /build/tools/bin/uv pip sync -q --no-cache --compile-bytecode --require-hashes --only-binary :all: \
        --python /opt/coding-agent/bin/python /build/run.txt
COPY pyproject.toml PACKAGE.md LICENSE /build/source/
COPY prompts /build/source/prompts
COPY sandbox /build/source/sandbox
COPY repository /build/source/repository
COPY pipeline /build/source/pipeline
COPY stages /build/source/stages
COPY console /build/source/console
COPY cli /build/source/cli
RUN cd /build/source \
    && /build/tools/bin/pip wheel -qq --no-index --no-deps --no-build-isolation -w /build . \
    && /build/tools/bin/uv pip install -q --no-cache --offline --no-deps --compile-bytecode \
        --python /opt/coding-agent/bin/python /build/coding_agent_service-*.whl

FROM ${BASE_IMAGE}
# What test suites compile against and call. More of it: --build-arg SUITE_PACKAGES="... libpq-dev".
ARG SUITE_PACKAGES="build-essential pkg-config libffi-dev libssl-dev libxml2-dev libxslt1-dev zlib1g-dev"
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates git libsqlite3-0 \
        ed file patch procps python3 ripgrep tree tzdata ${SUITE_PACKAGES} >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* \
    && groupadd --system --gid 10001 agent \
    && useradd --system --uid 10001 --gid agent --home-dir /var/lib/coding-agent --shell /usr/sbin/nologin agent \
    && install -d -o agent -g agent -m 0755 /var/lib/coding-agent \
    && install -d -o root -g agent -m 0750 /run/coding-agent \
    && install -d -m 0711 /var/lib/coding-agent-sandbox
COPY --from=interpreters /opt/pythons /opt/pythons
COPY --from=application /opt/coding-agent /opt/coding-agent
COPY tools/sbom.py /opt/coding-agent/share/
# Names for the sessions' users: where it runs, /etc is read-only.
RUN /opt/coding-agent/bin/python -c "from sandbox.uid.accounts import ensure_accounts; ensure_accounts()" \
    && /opt/coding-agent/bin/python /opt/coding-agent/share/sbom.py > /opt/coding-agent/share/sbom.cdx.json

ENV PATH=/opt/coding-agent/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LITELLM_LOCAL_MODEL_COST_MAP=True \
    CODING_AGENT_HOST=0.0.0.0 \
    CODING_AGENT_PORT=8080 \
    CODING_AGENT_DATA_DIR=/var/lib/coding-agent \
    CODING_AGENT_PYTHONS=/opt/pythons/bin
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="coding-agent" \
      org.opencontainers.image.description="Turns GitHub issues into pull requests: the worker and its sandbox" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Fargate gives a mounted volume these folders' owners only where the image declares them
# (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html); the root file system is read-only there.
VOLUME ["/var/lib/coding-agent", "/var/lib/coding-agent-sandbox", "/run/coding-agent", "/tmp", "/var/tmp"]
EXPOSE 8080
USER agent
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["coding-agent"]
CMD ["worker"]
