# tarn: `make run` starts it with patients in it, `make test` proves it.

.PHONY: run test bench check

# Builds the release, serves it with a data store of synthetic patients, prints what to try. Ctrl-C ends it.
run:
	@.ci/prerequisites build-essential:cc
	cargo run --release --bin tarn -- demo

# Everything: unit tests, suites, agreement, and the built binary under real clients.
test:
	tests/run

# Workloads against the release; takes SCALE=100k (default), 1m or 10m.
bench:
	cargo build --release --bin tarn
	cargo run --release --package bench -- run --scale $(or $(SCALE),100k)
	cargo run --release --package bench -- validation

# Format, lints, layout, boundaries, generated files, documentation.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask check
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
