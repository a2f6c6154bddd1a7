//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod breaker;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod openssh;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session_ssh;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod visits;
