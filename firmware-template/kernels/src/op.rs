//! Operators of the common form: parameters, any number of inputs, any number of outputs.
//!
//! A kernel of this form is `fn name(p: &Name, inputs: &[&[i8]], outputs: &mut [&mut [i8]])`. Firmware calls it by its
//! name; the host keeps parameters of any of them as an [`Op`] and calls them through it. One line of the list below is all
//! that an operator needs here.

/// Lists the operators: `Parameters => function`.
macro_rules! operators {
    ($($name:ident => $function:ident,)*) => {
        $(pub use list::{$function, $name};)*

        /// The parameters of one operator of the common form. For the host.
        #[cfg(feature = "serde")]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[expect(missing_docs, reason = "each is documented at its parameters")]
        pub enum Op {
            $($name($name),)*
        }

        #[cfg(feature = "serde")]
        impl Op {
            /// Calls the kernel.
            pub fn run(&self, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
                match self {
                    $(Self::$name(p) => $function(p, inputs, outputs),)*
                }
            }

            /// The kernel's name in this crate.
            pub fn function(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($function),)*
                }
            }

            /// The parameters alone, for whoever writes them down.
            pub fn parameters<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$name(p) => serde::Serialize::serialize(p, serializer),)*
                }
            }
        }
    };
}

/// Where the kernels are.
mod list {
    pub use crate::fill::{ZerosLike, zeros_like};
}

operators! {
    ZerosLike => zeros_like,
}
