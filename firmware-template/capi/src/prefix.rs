//! What the library's symbols begin with.

macro_rules! symbol {
    ($name:literal) => {
        concat!("sample_", $name)
    };
}
