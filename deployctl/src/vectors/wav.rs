//! WAV files: PCM, 16 bits, as many channels as the source, at its rate.

use hound::{SampleFormat, WavReader};

use super::recording::{Port, RecordingError};
use crate::model::TensorType;

/// The samples, channels beside each other.
pub(super) fn read(bytes: &[u8], port: &Port) -> Result<Vec<u8>, RecordingError> {
    let foreign = |error: hound::Error| RecordingError::Foreign { what: "WAV file", reason: error.to_string() };
    let reader = WavReader::new(bytes).map_err(foreign)?;
    let spec = reader.spec();
    if port.dtype != TensorType::Int16 {
        let advice = "save it as CSV or NPY";
        return Err(RecordingError::Samples { found: "sound".to_owned(), wanted: port.dtype.name(), advice });
    }
    if let Some(wanted) = port.medium.rate.filter(|rate| *rate != spec.sample_rate) {
        return Err(RecordingError::Rate { found: spec.sample_rate, wanted });
    }
    let (found, wanted) = (usize::from(spec.channels), port.width());
    if found != wanted {
        let advice = "mix it down, or take one: `ffmpeg -i IN -ac 1 OUT`";
        return Err(RecordingError::Channels { found, wanted, advice });
    }
    if (spec.sample_format, spec.bits_per_sample) != (SampleFormat::Int, 16) {
        let kind = if spec.sample_format == SampleFormat::Float { "float" } else { "int" };
        return Err(RecordingError::Samples {
            found: format!("{kind}{}", spec.bits_per_sample),
            wanted: "int16",
            advice: "convert it: `ffmpeg -i IN -c:a pcm_s16le OUT`",
        });
    }
    let declared = reader.len();
    let mut samples = Vec::new();
    for sample in reader.into_samples::<i16>() {
        let sample = sample.map_err(|error| RecordingError::Truncated {
            reason: format!("{error}, after {} of {declared} samples", samples.len() / 2),
        })?;
        samples.extend(sample.to_le_bytes());
    }
    Ok(samples)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use hound::{WavSpec, WavWriter};

    use super::super::recording::{Fit, Format, Medium, read as recording};
    use super::*;

    const SPEC: WavSpec =
        WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };

    pub(crate) fn file(spec: WavSpec, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            match spec.sample_format {
                SampleFormat::Int => writer.write_sample(*sample).unwrap(),
                SampleFormat::Float => writer.write_sample(f32::from(*sample)).unwrap(),
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn port() -> Port {
        Port {
            dtype: TensorType::Int16,
            moment: vec![],
            needed: 4,
            because: String::new(),
            stream: true,
            medium: Medium { rate: Some(16_000), ..Medium::default() },
        }
    }

    fn message(bytes: &[u8]) -> String {
        recording(Format::Wav, bytes, &port(), Fit::default()).unwrap_err().to_string()
    }

    #[test]
    fn samples_are_read() {
        let read = recording(Format::Wav, &file(SPEC, &[1, -2, 300, -1]), &port(), Fit::default()).unwrap();
        assert_eq!(read, [1, 0, 254, 255, 44, 1, 255, 255]);
    }

    #[test]
    fn what_the_source_does_not_take_is_refused_with_a_way_out() {
        let with = |spec| message(&file(spec, &[0, 1, 2, 3]));
        assert_eq!(
            with(WavSpec { sample_rate: 44_100, ..SPEC }),
            "it has 44100 samples a second, and `preprocess` says rate=16000; resample it: `ffmpeg -i IN -ar 16000 OUT`"
        );
        assert!(
            with(WavSpec { channels: 2, ..SPEC }).starts_with("it has 2 channels, and the source has 1; mix it down")
        );
        assert!(
            with(WavSpec { bits_per_sample: 24, ..SPEC })
                .starts_with("its samples are int24, and the source takes int16")
        );
        let float = WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..SPEC };
        assert!(with(float).starts_with("its samples are float32"));
    }

    #[test]
    fn damaged_files_are_errors_at_every_length() {
        let whole = file(SPEC, &[1, 2, 3, 4]);
        assert!(message(&[]).contains("it is empty"));
        for cut in 1..whole.len() {
            let message = message(&whole[..cut]);
            assert!(
                message.contains("no WAV file") || message.contains("ends before all of its data"),
                "{cut}: {message}"
            );
        }
        assert!(message(&whole[..whole.len() - 3]).contains("after 2 of 4 samples"));
        assert!(message(&file(SPEC, &[])).contains("it is empty"));
        assert!(message(b"ID3 this is another format altogether, and long enough").contains("no WAV file"));
    }
}
