# Two stages: the first builds the wheel and its environment, the second has nothing but that environment.
#
#   docker build -t flinks-import .
#   docker run --rm -v flinks-journal:/data flinks-import journal create /data/journal.sqlite     (once)
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v /srv/billing:/drop -v flinks-journal:/data -v /etc/flinks-import/password:/run/secrets/password:ro \
#     -e TZ=America/Toronto -e FLINKS_BASE_URL -e FLINKS_USERNAME flinks-import inbox /drop --yes -q
#
# No secret is in the image: credentials come from the environment and from a file that is mounted.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
# Everything that the lock names is fetched once and held against its hashes; from here on nothing is fetched any more.
COPY requirements.lock ./
RUN python -m venv /tools && /tools/bin/pip download --no-cache-dir --require-hashes -r requirements.lock -d /wheels
RUN /tools/bin/pip install --no-cache-dir --no-index --find-links /wheels hatchling
COPY pyproject.toml README.md ./
COPY schemas ./schemas
COPY pipeline ./pipeline
RUN /tools/bin/python -m hatchling build -t wheel -d /wheels
# Of the lock only what the program itself needs, not the tools of its tests.
RUN python -m venv /app \
 && /app/bin/pip install --no-cache-dir --no-index --find-links /wheels "flinks-import[postgres,notify]"

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /data flinks \
 && install -d -o flinks -g flinks -m 0700 /data /drop
COPY --from=build /app /app
# Bytecode would be written beside the code, and the image is to run with --read-only.
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FLINKS_IMPORT_JOURNAL=/data/journal.sqlite \
    FLINKS_PASSWORD_FILE=/run/secrets/password
USER 10001
WORKDIR /data
VOLUME ["/data", "/drop"]
STOPSIGNAL SIGTERM
# Whether the program starts; whether it can reach the API is for `flinks-import doctor` to say.
HEALTHCHECK --interval=5m --timeout=20s CMD ["flinks-import", "--version"]
ENTRYPOINT ["flinks-import"]
CMD ["--help"]
