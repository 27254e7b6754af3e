//! Where inputs come from. Replace the pattern with your sensor.

/// Delivers one input after another.
pub(crate) struct Source {
    next: i8,
}

impl Source {
    /// Sets the sensor up.
    pub(crate) fn new() -> Self {
        Self { next: i8::MIN }
    }

    /// Fills input `index` of the model with quantized values (`real = scale * (value - zero_point)`, see `model::INPUTS`).
    pub(crate) fn read(&mut self, _index: usize, tensor: &mut [i8]) {
        for value in tensor {
            *value = self.next;
            self.next = self.next.wrapping_add(37);
        }
    }

    /// Fills a hop of the stream with the samples that follow the last ones, least significant byte first (see `model::HOP`);
    /// waits until they are there. Where the model has a stream, an inference comes when enough hops have.
    pub(crate) fn read_hop(&mut self, samples: &mut [i8]) {
        self.read(0, samples);
    }
}
