//! What the library's symbols begin with, and what the model has of functions.

macro_rules! symbol {
    ($name:literal) => {
        concat!("sample_", $name)
    };
}

/// Functions of models with a stream; this one has none.
macro_rules! stream {
    ($($function:item)*) => {};
}
