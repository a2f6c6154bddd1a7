//! Reading what a host is and what is installed on it.
