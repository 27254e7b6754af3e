//! LiteRT Micro's audio front end: a call of the operator that TensorFlow has of its C library.

use super::file::File;
use crate::model::pipeline::{FrontEnd, FrontEndOutput, FrontEndTables};

/// Whether its features are the model's input as they are.
pub(super) fn is_quantized(p: &FrontEnd) -> bool {
    p.output == FrontEndOutput::Int8
}

pub(super) fn write(file: &mut File, p: &FrontEnd, rate: u32) {
    let whole = |samples: usize| (samples * 1000).is_multiple_of(rate as usize);
    let ms = |samples: usize| samples * 1000 / rate as usize;
    let tables = match p.tables {
        FrontEndTables::Microfrontend => "# Equal in every value.",
        FrontEndTables::LitertMicro if p.size > 256 && p.size <= 512 => {
            "# Tables of LiteRT Micro's audio_preprocessor.py, which this operator does not have, are rounded in another way: single\n    \
             # features differ by up to 3 of int16, by 1 of int8."
        }
        FrontEndTables::LitertMicro => {
            "# Tables of LiteRT Micro's audio_preprocessor.py, which this operator does not have, have other gains with this length of\n    \
             # the FFT: features differ. Take `frontend \"microfrontend\"`, or arrays that LiteRT Micro's own tool has made."
        }
    };
    let (strength, offset) = p.pcan.as_ref().map_or((0.95, 80.0), |pcan| (pcan.strength, pcan.offset));
    let truth = |yes: bool| if yes { "True" } else { "False" };
    let mut lines: Vec<String> = vec![
        tables.to_owned(),
        "import tensorflow as tf".to_owned(),
        "from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op".to_owned(),
        String::new(),
    ];
    if !(whole(p.size) && whole(p.stride)) {
        lines.push(
            "# The operator takes whole milliseconds, and here are others: its frames are not those of the firmware."
                .to_owned(),
        );
    }
    lines.extend([
        "rows = audio_microfrontend_op.audio_microfrontend(".to_owned(),
        "    tf.constant(samples),".to_owned(),
        "    sample_rate=RATE,".to_owned(),
        format!("    window_size={},", ms(p.size)),
        format!("    window_step={},", ms(p.stride)),
        format!("    num_channels={},", p.channels),
        format!("    lower_band_limit={:?},", p.low),
        format!("    upper_band_limit={:?},", p.high),
        format!("    even_smoothing={:?},", p.even_smoothing),
        format!("    odd_smoothing={:?},", p.odd_smoothing),
        format!("    min_signal_remaining={:?},", p.min_signal_remaining),
        format!("    enable_pcan={},", truth(p.pcan.is_some())),
        format!("    pcan_strength={strength:?},"),
        format!("    pcan_offset={offset:?},"),
        ").numpy()[:FRAMES]".to_owned(),
    ]);
    lines.push(
        match p.output {
            FrontEndOutput::Int8 => {
                "return np.clip((rows.astype(np.int32) * 256 + 333) // 666 - 128, -128, 127).astype(np.int8)"
            }
            FrontEndOutput::Int16 => "return rows.astype(np.int16)",
            FrontEndOutput::Float32 => "return rows.astype(np.float32) * np.float32(10 / 256)",
        }
        .to_owned(),
    );
    file.step(
        "frontend",
        "samples",
        "LiteRT Micro's audio front end, by TensorFlow's operator; needs tensorflow.",
        &lines,
    );
}
