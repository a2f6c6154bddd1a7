//! What is shown where a question is asked.
