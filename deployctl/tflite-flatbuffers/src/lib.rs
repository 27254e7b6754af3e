//! LiteRT model schema subset and checked reader.
