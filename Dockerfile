# docker build -t latchkey .
# docker run -p 8628:8628 -e LATCHKEY__DATABASE__URL=postgres://… -e LATCHKEY__SECRETS__MASTER_KEY=… \
#     -e LATCHKEY__SERVER__PUBLIC_URL=https://login.example.org latchkey

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked && cp target/release/latchkey /latchkey

FROM debian:bookworm-slim
# With INSTALL_POSTGRES=1 the image also holds PostgreSQL, for the embedded database; then mount a volume at
# /var/lib/latchkey. Without it, LATCHKEY__DATABASE__URL must name a server.
ARG INSTALL_POSTGRES=0
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && if [ "$INSTALL_POSTGRES" = 1 ]; then \
        mkdir -p /etc/postgresql-common/createcluster.d \
        && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/latchkey.conf \
        && apt-get install -y --no-install-recommends postgresql; \
    fi \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 8628 --user-group --no-create-home --home-dir /var/lib/latchkey --shell /usr/sbin/nologin latchkey \
    && install -d -o latchkey -g latchkey -m 700 /var/lib/latchkey
COPY --from=build /latchkey /usr/local/bin/latchkey
COPY LICENSE /usr/share/doc/latchkey/LICENSE
USER latchkey
WORKDIR /var/lib/latchkey
# In a container loopback reaches nobody; LATCHKEY__SERVER__PUBLIC_URL says how the service is reached.
ENV LATCHKEY__SERVER__LISTEN=0.0.0.0:8628 \
    LATCHKEY__DATA_DIR=/var/lib/latchkey
VOLUME /var/lib/latchkey
EXPOSE 8628
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["latchkey", "health"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
