//! FFTs of all sizes against the transform's definition, in 64 bits.

use std::f64::consts::TAU;

use deployctl::model::pipeline::{StepSpec, WindowShape};

use crate::chain::{RATE, floats, run};

#[test]
fn ffts_from_32_to_4096_points() {
    // The last two have all factors, and a frame that is shorter.
    for (points, size) in
        [32, 64, 128, 256, 512, 1024, 2048, 4096].map(|n| (n, n)).into_iter().chain([(480, 480), (960, 700)])
    {
        let samples: Vec<i16> = (0..size).map(|at: usize| (at * 7919 % 65_521).cast_signed()).map(narrow).collect();
        let window = StepSpec::Window { shape: WindowShape::Rectangular, symmetric: false, size, stride: size };
        let steps = vec![window, StepSpec::Fft { points }];
        let stages = run(RATE, steps, floats(&[points / 2 + 1, 2]), &samples);
        let ours = &stages["fft"][0];
        let (worst, largest) = compare(ours, &samples, points);
        println!("| fft {points} | {largest:.3} | {worst:.1e} |");
        assert!(worst < largest * 2e-6, "{points} points: {worst:e} of {largest}");
    }
}

/// The largest error and the largest magnitude.
#[expect(clippy::cast_precision_loss, reason = "indices up to 4096")]
fn compare(ours: &[f64], samples: &[i16], points: usize) -> (f64, f64) {
    let turns: Vec<(f64, f64)> = (0..points).map(|at| (-TAU * at as f64 / points as f64).sin_cos()).collect();
    let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
    for (bin, ours) in ours.as_chunks::<2>().0.iter().enumerate() {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, &sample) in samples.iter().enumerate() {
            let (sin, cos) = turns[at * bin % points];
            real += f64::from(sample) / 32768.0 * cos;
            imaginary += f64::from(sample) / 32768.0 * sin;
        }
        worst = worst.max((ours[0] - real).hypot(ours[1] - imaginary));
        largest = largest.max(real.hypot(imaginary));
    }
    (worst, largest)
}

fn narrow(number: isize) -> i16 {
    i16::try_from(number - 32_760).unwrap()
}
