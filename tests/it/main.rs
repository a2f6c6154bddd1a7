//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
mod hosts;
