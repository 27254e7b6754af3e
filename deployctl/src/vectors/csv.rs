//! CSV files: a line a moment, a column a channel, after at most one line of names.

use super::recording::{Port, RecordingError, element};

/// The elements of all lines.
pub(super) fn read(bytes: &[u8], port: &Port) -> Result<Vec<u8>, RecordingError> {
    let text = text(bytes)?;
    let (width, mut elements) = (port.width(), Vec::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let is_header = index == 0 && cells.iter().all(|cell| cell.parse::<f64>().is_err());
        if is_header {
            continue;
        }
        if cells.len() != width {
            let reason = if cells.len() < width {
                "fewer columns than the source has channels"
            } else {
                "more columns than the source has channels"
            };
            let advice = "a line has the channels of one moment, separated by commas";
            return Err(RecordingError::Number { line: index + 1, text: line.to_owned(), reason, advice });
        }
        for cell in cells {
            let wrong =
                |reason, advice| RecordingError::Number { line: index + 1, text: cell.to_owned(), reason, advice };
            let value: f64 = cell.parse().map_err(|_| wrong("no number", "write numbers with a decimal point"))?;
            if !value.is_finite() {
                return Err(wrong(
                    "not finite",
                    "leave out what the sensor did not give, and say so by a number of your own",
                ));
            }
            let advice = "numbers that do not fit are not wrapped: save what the sensor gave";
            elements.extend(element(value, port.dtype).ok_or_else(|| wrong("outside of the source's type", advice))?);
        }
    }
    Ok(elements)
}

/// Labels by file name, from lines `FILE,LABEL` after at most one line `file,label`. A label is a number, or one of `names`, which
/// stands for its position.
pub(super) fn labels(bytes: &[u8], names: &[String]) -> Result<Vec<(String, i64)>, RecordingError> {
    let mut labels = Vec::new();
    for (index, line) in text(bytes)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |reason, advice| RecordingError::Number { line: index + 1, text: line.to_owned(), reason, advice };
        let cells = line.split_once(',').map(|(file, label)| (file.trim(), label.trim()));
        let (file, label) =
            cells.ok_or_else(|| wrong("not FILE,LABEL", "write a file's name, a comma and its label"))?;
        if index == 0 && (file, label) == ("file", "label") {
            continue;
        }
        let class = || names.iter().position(|known| known == label).and_then(|at| i64::try_from(at).ok());
        let label = label.parse().ok().or_else(class).ok_or_else(|| {
            wrong(
                "no number, and none of the output's labels",
                "write a class as its number, or as the `labels` of the output have it",
            )
        })?;
        labels.push((file.to_owned(), label));
    }
    Ok(labels)
}

fn text(bytes: &[u8]) -> Result<&str, RecordingError> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| RecordingError::Foreign { what: "CSV file", reason: error.to_string() })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::super::recording::{Fit, Format, Medium, read as recording};
    use super::*;
    use crate::model::TensorType;

    fn port(dtype: TensorType) -> Port {
        Port { dtype, moment: vec![2], needed: 2, because: String::new(), stream: true, medium: Medium::default() }
    }

    #[test]
    fn lines_are_moments() {
        let read = recording(Format::Csv, b"x,y\r\n1, 2\n\n-3,4\n", &port(TensorType::Int8), Fit::default()).unwrap();
        assert_eq!(read, [1, 2, 253, 4]);
        let read = recording(Format::Csv, b"0.5,1e3\n0,0", &port(TensorType::Float32), Fit::default()).unwrap();
        assert_eq!(read[..8], [0.5_f32.to_le_bytes(), 1000.0_f32.to_le_bytes()].concat());
    }

    #[test]
    fn mistakes_name_their_line() {
        let message = |text: &str, dtype| {
            recording(Format::Csv, text.as_bytes(), &port(dtype), Fit::default()).unwrap_err().to_string()
        };
        assert!(message("1,2\n3", TensorType::Int8).starts_with("line 2: `3` is fewer columns than"));
        assert!(message("1,2\n3,x", TensorType::Int8).starts_with("line 2: `x` is no number"));
        assert!(message("1,2\n3,nan", TensorType::Float32).starts_with("line 2: `nan` is not finite"));
        assert!(message("1,2\n3,1e39", TensorType::Float32).contains("`1e39` is outside of the source's type"));
        assert!(message("1,2\n3,128", TensorType::Int8).contains("`128` is outside of the source's type"));
        assert!(message("1,2\n3,0.5", TensorType::Int8).contains("`0.5` is outside of the source's type"));
        assert!(message("a,b\n", TensorType::Int8).contains("it is empty"));
        assert!(message("1,2", TensorType::Int8).contains("it has 1 samples, and one vector needs 2"));
        assert!(recording(Format::Csv, &[0xff, 0xfe], &port(TensorType::Int8), Fit::default()).is_err());
    }

    #[test]
    fn labels_are_numbers_or_names() {
        let names = ["yes".to_owned(), "no".to_owned()];
        let read = labels(b"file,label\na.wav,no\nb.wav, 7\n", &names).unwrap();
        assert_eq!(read, [("a.wav".to_owned(), 1), ("b.wav".to_owned(), 7)]);
        let message = labels(b"a.wav,maybe\n", &names).unwrap_err().to_string();
        assert!(message.contains("none of the output's labels"), "{message}");
        assert!(labels(b"a.wav\n", &names).unwrap_err().to_string().contains("not FILE,LABEL"));
    }
}
