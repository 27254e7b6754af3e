//! Numbers that an FFT is computed in, as KISS FFT computes with them: int16, int32 and float32.

use sealed::Arithmetic;

use crate::arithmetic::settled;

/// A complex number: real and imaginary part.
pub(super) type Complex<T> = [T; 2];

/// Numbers of signals and spectra: int16, int32, float32.
pub trait Sample: Copy + Default + Arithmetic {}

impl<T: Copy + Default + Arithmetic> Sample for T {}

mod sealed {
    use super::Complex;

    /// Fixed point numbers wrap where they overflow.
    pub trait Arithmetic: Sized {
        fn plus(self, other: Self) -> Self;
        fn minus(self, other: Self) -> Self;
        fn negative(self) -> Self;
        /// Half of a sum; int16 does not overflow in it.
        fn half_of_sum(self, other: Self) -> Self;
        /// Half of a difference.
        fn half_of_difference(self, other: Self) -> Self;
        /// Half, rounded down.
        fn half(self) -> Self;
        /// A product with a factor in [-1, 1].
        fn times(self, factor: Self) -> Self;
        /// A product with a twiddle, rounded once.
        fn product(a: Complex<Self>, b: Complex<Self>) -> Complex<Self>;
        /// Fixed point: divided by a number from 2 to 5. Floating point: as it is.
        fn divided(self, by: usize) -> Self;
        /// Floating point: divided by a number. Fixed point: as it is.
        fn scaled_down(self, by: usize) -> Self;
        /// A number in [-1, 1] as a factor.
        fn factor(value: f64) -> Self;
        /// One bit pattern for all that is no number.
        fn settled(self) -> Self;
    }
}

macro_rules! fixed_point {
    ($type:ty, $wide:ty, $sum:ty) => {
        impl Arithmetic for $type {
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn negative(self) -> Self {
                self.wrapping_neg()
            }

            #[inline]
            fn half_of_sum(self, other: Self) -> Self {
                (<$sum>::from(self).wrapping_add(<$sum>::from(other)) >> 1) as Self
            }

            #[inline]
            fn half_of_difference(self, other: Self) -> Self {
                (<$sum>::from(self).wrapping_sub(<$sum>::from(other)) >> 1) as Self
            }

            #[inline]
            fn half(self) -> Self {
                self >> 1
            }

            #[inline]
            fn times(self, factor: Self) -> Self {
                let product = <$wide>::from(self) * <$wide>::from(factor);
                ((product + (1 << (Self::BITS - 2))) >> (Self::BITS - 1)) as Self
            }

            #[inline]
            fn product(a: Complex<Self>, b: Complex<Self>) -> Complex<Self> {
                let ([a, b], [c, d]) = (a.map(<$wide>::from), b.map(<$wide>::from));
                let rounded = |value: $wide| (value.wrapping_add(1 << (Self::BITS - 2)) >> (Self::BITS - 1)) as Self;
                [rounded((a * c).wrapping_sub(b * d)), rounded((a * d).wrapping_add(b * c))]
            }

            #[inline]
            fn divided(self, by: usize) -> Self {
                self.times(Self::MAX / by as Self)
            }

            #[inline]
            fn scaled_down(self, _by: usize) -> Self {
                self
            }

            fn factor(value: f64) -> Self {
                libm::floor(0.5 + f64::from(Self::MAX) * value) as Self
            }

            #[inline]
            fn settled(self) -> Self {
                self
            }
        }
    };
}
fixed_point!(i16, i32, i32);
fixed_point!(i32, i64, i32);

impl Arithmetic for f32 {
    #[inline]
    fn plus(self, other: Self) -> Self {
        self + other
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }

    #[inline]
    fn negative(self) -> Self {
        -self
    }

    #[inline]
    fn half_of_sum(self, other: Self) -> Self {
        (self + other) * 0.5
    }

    #[inline]
    fn half_of_difference(self, other: Self) -> Self {
        (self - other) * 0.5
    }

    #[inline]
    fn half(self) -> Self {
        self * 0.5
    }

    #[inline]
    fn times(self, factor: Self) -> Self {
        self * factor
    }

    #[inline]
    fn product([a, b]: Complex<Self>, [c, d]: Complex<Self>) -> Complex<Self> {
        [a * c - b * d, a * d + b * c]
    }

    #[inline]
    fn divided(self, _by: usize) -> Self {
        self
    }

    #[inline]
    fn scaled_down(self, by: usize) -> Self {
        self / by as Self
    }

    fn factor(value: f64) -> Self {
        value as Self
    }

    #[inline]
    fn settled(self) -> Self {
        settled(self)
    }
}

#[inline]
pub(super) fn add<T: Sample>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    [a[0].plus(b[0]), a[1].plus(b[1])]
}

#[inline]
pub(super) fn sub<T: Sample>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    [a[0].minus(b[0]), a[1].minus(b[1])]
}

/// Times -i.
#[inline]
pub(super) fn turned_right<T: Sample>([real, imaginary]: Complex<T>) -> Complex<T> {
    [imaginary, real.negative()]
}

#[cfg(test)]
mod tests {
    use super::sealed::Arithmetic;

    #[test]
    fn fixed_point_rounds_to_the_nearest() {
        assert_eq!((3_i16.divided(2), (-3_i16).divided(2), 32_767_i16.divided(4)), (1, -1, 8191));
        assert_eq!(i16::product([16_384, 0], [32_767, -32_767]), [16_384, -16_383]);
        assert_eq!(i32::product([1 << 30, 0], [i32::MAX, -i32::MAX]), [1 << 30, -(1 << 30) + 1]);
        assert_eq!((5_i32.half(), (-5_i32).half()), (2, -3));
        assert_eq!((i16::MIN.half_of_sum(i16::MIN), i32::MIN.half_of_sum(i32::MIN)), (i16::MIN, 0));
        assert_eq!((i16::factor(1.0), i16::factor(-1.0), i32::factor(0.5)), (32_767, -32_767, 1 << 30));
    }
}
