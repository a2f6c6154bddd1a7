//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod openssh;
#[cfg(test)]
mod session_ssh;
#[cfg(test)]
mod shells;
