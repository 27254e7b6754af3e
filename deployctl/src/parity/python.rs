//! The steps as Python, for the training side.
