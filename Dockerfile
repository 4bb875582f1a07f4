# The image of the service: init, MLflow's server, scheduler, workers and commands all run from it.
# It builds with BuildKit and without.
#
# What Studyhall needs, in the versions of requirements.lock. Empty packages and pages stand for the
# source, so that this layer is built anew when a dependency changes, not when a line of code does.
FROM python:3.11-slim-bookworm AS dependencies
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN mkdir -p model search src/studyhall studies && touch README.md LICENSE \
    && touch src/studyhall/__init__.py src/studyhall/__main__.py src/studyhall/py.typed \
    && pip install --quiet --target /tmp/uv uv==0.13.8 \
    && export UV_NO_CACHE=1 UV_SYSTEM_CERTS=1 VIRTUAL_ENV=/opt/venv \
    && /tmp/uv/bin/uv venv --quiet --python python3.11 /opt/venv \
    && /tmp/uv/bin/uv pip install --quiet --compile-bytecode --constraint requirements.lock \
        pip ".[cluster,server]" \
    && /tmp/uv/bin/uv pip uninstall --quiet studyhall \
    # The packages' own tests and headers, and sources of what is compiled: nothing reads them.
    && cd /opt/venv/lib/python3.11/site-packages \
    && find pandas scipy sklearn pyarrow numpy matplotlib -type d -name tests -prune \
        -exec rm -r {} + \
    && find . \( -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.hpp' \) -delete \
    && rm -r /build/* /tmp/uv

FROM dependencies AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY search search
COPY src src
COPY studies studies
RUN pip wheel --quiet --no-deps --wheel-dir /wheel .

FROM dependencies
COPY --from=wheel /wheel /tmp/wheel
# Folders of volumes: an empty named volume takes over the owner of the folder that it covers.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/studyhall --shell /usr/sbin/nologin \
        studyhall \
    && install -d -o studyhall -g studyhall -m 0700 /var/lib/studyhall /var/cache/studyhall \
    && pip install --quiet --no-deps --no-index /tmp/wheel/*.whl \
    && rm -r /tmp/wheel
COPY compose /opt/compose
ENV STUDYHALL_CACHE=/var/cache/studyhall MPLCONFIGDIR=/var/cache/studyhall/matplotlib \
    PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
USER studyhall
WORKDIR /var/lib/studyhall
# The list of fonts, which takes seconds to make; the volume of the cache takes it over.
RUN python -c "import matplotlib.font_manager"
CMD ["studyhall", "--help"]
