# What developers and .ci/run run alike. Get just with `cargo install just` or `pip install rust-just`.

[private]
default:
    @just --list --unsorted

# Formatting and lints
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# All tests; DATABASE_URL may name the server they use
test *arguments:
    cargo test --locked {{ arguments }}

# The tests in which devices poll, with sessions.coherence = "read_through"; `just test-read-through ''` runs all
test-read-through only="rfc replicas phishing availability lifecycle plain_case stale_statistics tenant_ pages::decision":
    LATCHKEY_TEST_COHERENCE=read_through cargo test --locked --test it -- {{ only }}

# The tests of chance in full: 200 rounds of each number of racers, 1,000 exchanges cut off in each way
test-long rounds="100":
    LATCHKEY_TEST_ROUNDS={{ rounds }} cargo test --locked --test it -- --show-output racers cut_off redemption_races

# Renew openapi/openapi.json
openapi:
    cargo run --locked --quiet -- openapi > openapi/openapi.json

# Compare openapi/openapi.json with what the program prints
openapi-check:
    cargo run --locked --quiet -- openapi | diff openapi/openapi.json - || (echo 'openapi/openapi.json is out of date: run `just openapi`' >&2; exit 1)

# Renew docs/configuration.md and docs/cli.md
docs:
    LATCHKEY_RENEW_DOCUMENTS=1 cargo test --locked --test it -- documents::reference

# The documents: their commands, links and generated pages, the names in docs/architecture.md, the book
docs-check: rustdoc book
    cargo test --locked --test it -- documents

# The documentation of the code, which holds docs/architecture.md and checks the names in it
rustdoc:
    cargo doc --locked --no-deps --document-private-items

# The documents as a book, in target/book
book:
    mdbook build docs
    cp -R .images target/

# Renew .sqlx after a change of a query or a migration; needs PostgreSQL's programs
sqlx-prepare:
    .ci/sqlx-prepare

# Compare .sqlx with the queries and migrations
sqlx-check:
    .ci/sqlx-prepare --check

# Dependencies: licenses, sources, banned crates, and advisories where their database can be fetched
deny:
    cargo deny check bans licenses sources
    @if timeout 120 cargo deny fetch db; then \
        cargo deny check --disable-fetch advisories; \
    else \
        echo 'advisories were NOT checked: their database cannot be fetched from here' >&2; \
    fi

# Everything, the tests last
ci: check openapi-check sqlx-check deny rustdoc book test-read-through (test "--no-fail-fast")
