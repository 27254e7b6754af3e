//! Placeholder to be replaced before anything is committed.
#![no_std]
