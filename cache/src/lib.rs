//! Content-addressed store and incremental engine.
