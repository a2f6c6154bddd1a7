//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod breaker;
#[cfg(all(test, unix))]
mod cli;
#[cfg(all(test, unix))]
mod coverage;
#[cfg(all(test, unix))]
mod hostile;
#[cfg(test)]
mod hosts;
#[cfg(all(test, unix))]
mod local;
#[cfg(test)]
mod openssh;
#[cfg(all(test, unix))]
mod resume;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session_ssh;
#[cfg(test)]
mod shells;
#[cfg(all(test, unix))]
mod support;
#[cfg(test)]
mod visits;
