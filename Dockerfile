# The image that Airbyte runs: the connector and what it imports, on Airbyte's own Python base, and nothing else.
# The base is the one in metadata.yaml (connectorBuildOptions.baseImage); integration_tests/test_image.py holds both together.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.1@sha256:a268b44c733ae699a60f5fbc06a324945dba98945c6e2ab7f8609f2f895b0d28

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/bootstrap.txt requirements/runtime.txt requirements/
# The build backend goes into this stage alone; the connector gets an environment of its own, without pip.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/bootstrap.txt \
 && python -m venv --without-pip /opt/source-syfter \
 && pip --python /opt/source-syfter/bin/python install --no-cache-dir --no-compile --no-deps --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY source_syfter source_syfter
COPY syfter_dlt syfter_dlt
# Test suites that libraries ship are a tenth of the image. The root is read-only at run time, so bytecode is made here:
# without it every command starts two seconds later.
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/source-syfter/bin/python install --no-cache-dir --no-compile --no-deps dist/*.whl \
 && find /opt/source-syfter/lib -type d -name tests -prune -exec rm -rf {} + \
 && /opt/source-syfter/bin/python -m compileall -q -j 0 /opt/source-syfter/lib

FROM ${BASE_IMAGE}
COPY --from=build /opt/source-syfter /opt/source-syfter
WORKDIR /airbyte
ENV PYTHONDONTWRITEBYTECODE=1 \
    AIRBYTE_ENTRYPOINT="/opt/source-syfter/bin/source-syfter"
LABEL io.airbyte.name="syfter/source-syfter" \
      io.airbyte.version="0.1.0" \
      org.opencontainers.image.title="source-syfter" \
      org.opencontainers.image.description="Airbyte source connector for Syfter" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
USER airbyte
ENTRYPOINT ["/opt/source-syfter/bin/source-syfter"]
