# What a newcomer types.
demo:
    cargo run --release -- demo

test:
    cargo test

# What a change must pass.
check:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
    cargo deny check bans licenses sources
    cargo test --locked

# Everything that is checked before a change lands, with real peers.
ci:
    bash .ci/run

# What takes longer: benchmarks against peers. Read the figures; nothing fails.
slow:
    cargo bench
    bash .ci/bench-ssh
    python3 .ci/bench-windows
    /usr/bin/python3 .ci/bench-linux
    /usr/bin/python3 .ci/bench-sweep
