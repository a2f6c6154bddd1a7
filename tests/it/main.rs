//! Everything that is tested from outside. One binary, so it links once.

#[cfg(test)]
#[cfg(unix)]
mod affinity;
#[cfg(test)]
mod agent;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod breaker;
#[cfg(test)]
#[cfg(unix)]
mod changed_keys;
#[cfg(test)]
#[cfg(unix)]
mod cli;
#[cfg(test)]
#[cfg(unix)]
mod coverage;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod demo;
#[cfg(test)]
#[cfg(unix)]
mod doctor;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod documents;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod golden;
#[cfg(test)]
#[cfg(unix)]
mod history;
#[cfg(test)]
#[cfg(unix)]
mod hostile;
#[cfg(test)]
mod hosts;
#[cfg(test)]
#[cfg(unix)]
mod limits;
#[cfg(test)]
#[cfg(unix)]
mod local;
#[cfg(test)]
#[cfg(unix)]
mod lockout;
#[cfg(test)]
#[cfg(unix)]
mod login_plan;
#[cfg(test)]
mod openssh;
#[cfg(test)]
mod organisation;
#[cfg(test)]
mod os_release;
#[cfg(test)]
#[cfg(unix)]
mod own_faults;
#[cfg(test)]
#[cfg(unix)]
mod passwords;
#[cfg(test)]
#[cfg(unix)]
mod private_files;
#[cfg(test)]
#[cfg(unix)]
mod privileged;
#[cfg(test)]
#[cfg(unix)]
mod receipts;
#[cfg(test)]
#[cfg(unix)]
mod resume;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session_ssh;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod session_zoo;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod ssh_config;
#[cfg(test)]
mod ssh_ways;
#[cfg(test)]
#[cfg(unix)]
mod strangers;
#[cfg(test)]
#[cfg(unix)]
mod support;
#[cfg(test)]
#[cfg(unix)]
mod terminal;
#[cfg(test)]
#[cfg(unix)]
mod trust_review;
#[cfg(test)]
mod version_peers;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod visits;
#[cfg(test)]
mod windows;
#[cfg(test)]
mod wine;
#[cfg(test)]
#[cfg(unix)]
mod winrm_accounts;
#[cfg(test)]
#[cfg(unix)]
mod winrm_faults;
#[cfg(test)]
mod winrm_lab;
#[cfg(test)]
#[cfg(unix)]
mod winrm_resume;
#[cfg(test)]
#[cfg(unix)]
mod winrm_scan;
#[cfg(test)]
#[cfg(unix)]
mod winrm_trust;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod zoo;
