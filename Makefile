# tarn: `make run` starts it with patients in it, `make test` proves it.

.PHONY: run test bench check

# Builds the release, serves it with a data store of synthetic patients, prints what to try. Ctrl-C ends it.
run:
	@.ci/prerequisites build-essential:cc
	cargo run --release --bin tarn -- demo

# Everything: unit tests, suites, agreement, and the built binary under real clients.
test:
	tests/run

# The release under every workload, beside yardsticks; takes SCALE=100k, 1m (default) or 10m, and DATA=ndjson.
# Prints tables, writes bench/latest.json, appends to bench/RESULTS.md.
bench:
	@.ci/prerequisites build-essential:cc
	cargo build --release --bin tarn
	$${CARGO_TARGET_DIR:-target}/release/tarn bench --scale $(or $(SCALE),1m) $(if $(DATA),--data $(DATA)) \
		--json bench/latest.json --markdown bench/RESULTS.md --commit $$(git rev-parse --short HEAD)

# Format, lints, layout, boundaries, generated files, documentation.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask check
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
