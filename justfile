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

# What takes longer: ten minutes of hostile bytes for every reader, which fails when anything is found, macOS as a compiler
# sees it, and benchmarks against peers, which fail on nothing: read their figures.
slow:
    .ci/fuzz --each 600
    .ci/platforms aarch64-apple-darwin
    cargo bench
    bash .ci/bench-ssh
    python3 .ci/bench-windows
    /usr/bin/python3 .ci/bench-linux
    /usr/bin/python3 .ci/bench-sweep

# The Debian package, in target/debian (needs cargo install cargo-deb).
deb: (package "target/dist/underdesk")
    cargo deb --profile dist --no-build

# What a package holds beside the program, which writes it itself, into target/package.
package program="target/dist/underdesk":
    test -x {{program}} || cargo build --profile dist --locked
    rm -rf target/package
    mkdir -p target/package/completions
    {{program}} man --out target/package/man1
    {{program}} completions bash > target/package/completions/underdesk.bash
    {{program}} completions zsh > target/package/completions/_underdesk
    {{program}} completions fish > target/package/completions/underdesk.fish
