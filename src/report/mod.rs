//! Turning a run into documents.
