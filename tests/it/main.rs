//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod local;
#[cfg(test)]
mod openssh;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod session_ssh;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod support;
