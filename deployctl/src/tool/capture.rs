//! What a tool wrote, up to a limit. Reading goes on past the limit, so that the tool does not block.

use std::io::Read;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Bytes kept of one stream.
pub const OUTPUT_LIMIT: usize = 64 << 20;

/// One stream of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// What is kept: the first bytes, at most the limit.
    pub bytes: Vec<u8>,
    /// Bytes beyond the limit, counted and thrown away.
    pub dropped: u64,
}

impl Captured {
    /// As text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    fn push(&mut self, bytes: &[u8], limit: usize) {
        let kept = bytes.len().min(limit.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.dropped += (bytes.len() - kept) as u64;
    }
}

/// A thread that reads one stream to its end.
pub(super) struct Reader {
    so_far: Arc<Mutex<Captured>>,
    ended: mpsc::Receiver<()>,
}

impl Reader {
    /// Starts to read.
    pub(super) fn start(mut stream: impl Read + Send + 'static, limit: usize) -> Self {
        let so_far = Arc::new(Mutex::new(Captured::default()));
        let (done, ended) = mpsc::channel();
        let shared = Arc::clone(&so_far);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        let Ok(mut captured) = shared.lock() else { break };
                        captured.push(&buffer[..count], limit);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = done.send(());
        });
        Self { so_far, ended }
    }

    /// How many bytes were written so far.
    pub(super) fn seen(&self) -> u64 {
        self.so_far.lock().map_or(0, |captured| captured.bytes.len() as u64 + captured.dropped)
    }

    /// What was written. The stream's end is awaited for a moment only: a process that left the group may hold it for ever.
    pub(super) fn finish(self) -> Captured {
        const PATIENCE: Duration = Duration::from_secs(2);
        let _ = self.ended.recv_timeout(PATIENCE);
        self.so_far.lock().map(|mut captured| std::mem::take(&mut *captured)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_bytes_and_counts_the_rest() {
        let reader = Reader::start(std::io::Cursor::new(b"0123456789".to_vec()), 4);
        assert_eq!(reader.finish(), Captured { bytes: b"0123".to_vec(), dropped: 6 });
    }
}
