# One image for the store, its workers and the outside world: docker-compose.yml says which of them a
# container is. The first stage installs, the second keeps what was installed and no tools for it.

FROM python:3.13-slim AS build

# The packages come before the source, so that a change of the source does not install them again.
RUN python -m venv --without-pip /opt/cartwreck
WORKDIR /source
COPY requirements-server.txt .
RUN pip --python /opt/cartwreck/bin/python install --no-cache-dir --require-hashes -r requirements-server.txt

COPY pyproject.toml README.md LICENSE ./
COPY seed_data seed_data
COPY scenarios scenarios
COPY shop shop
RUN pip --python /opt/cartwreck/bin/python install --no-cache-dir --no-deps --no-build-isolation .


FROM python:3.13-slim

# The ledgers of the outside world are the only files that a program writes. A new volume that is
# mounted over their folder takes its owner from here.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cartwreck \
    && install --directory --owner=cartwreck --group=cartwreck /var/lib/cartwreck

COPY --from=build /opt/cartwreck /opt/cartwreck

# Lines of the log are seen at once, not when a buffer is full.
ENV PATH=/opt/cartwreck/bin:$PATH PYTHONUNBUFFERED=1
# The hash of a password takes 20 MB for a moment. With its thresholds left to move, glibc keeps them
# for good in each thread that has ever hashed one.
ENV MALLOC_TRIM_THRESHOLD_=131072
USER 10001
