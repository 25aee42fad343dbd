# Build:  docker build --tag appsmith-proxy .
# Run:    docker run --publish 8080:8080 --volume proxy-data:/data --stop-timeout 70 \
#             --volume /path/to/keys:/run/keys:ro \
#             --env APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE=/run/keys/encryption_password \
#             --env APPSMITH_PROXY_ENCRYPTION_SALT_FILE=/run/keys/encryption_salt appsmith-proxy
# No secret belongs in an image, nor in a build argument: both are kept in its history.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ARG EXTRAS=all
WORKDIR /source
COPY setup.cfg pyproject.toml constraints.txt README.md LICENSE ./
COPY appsmith_proxy ./appsmith_proxy
COPY plugins ./plugins
RUN python -m venv /opt/appsmith-proxy \
    && /opt/appsmith-proxy/bin/pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt ".[${EXTRAS}]"

FROM ${BASE}
COPY --from=build /opt/appsmith-proxy /opt/appsmith-proxy
# A number, not a name: it holds on every base image, and orchestrators can see that it is not root.
RUN install -d -m 0700 -o 10001 -g 10001 /data
ENV PATH=/opt/appsmith-proxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APPSMITH_PROXY_HOST=0.0.0.0 \
    APPSMITH_PROXY_DATA_FOLDER=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "-c", "import os, urllib.request as http; http.build_opener(http.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('APPSMITH_PROXY_PORT', '8080') + '/api/v1/health/live', timeout=4)"]
ENTRYPOINT ["appsmith-proxy"]
CMD ["serve"]
