//! Runs one operator on the host with the deployment's own kernel: reads the operator's index (32 bits, little-endian) and the
//! bytes of its inputs from standard input, writes those of its outputs to standard output, of two runs one after the other.
//!
//! The runs differ in what is in outputs and scratch memory before. A kernel that reads what it has not written, or does not
//! write all, gives other bytes the second time.

use std::io::{Read, Write};

use kernels::{CustomOperator, CustomTensor, words_as_i8, words_as_i8_mut};

/// The form of a kernel.
type Kernel = fn(&CustomOperator, &[&[i8]], &mut [&mut [i8]], &mut [i8]);

/// Bytes where any element type may start.
struct Buffer {
    words: Vec<u64>,
    len: usize,
}

impl Buffer {
    fn filled(len: usize, byte: u8) -> Self {
        Self { words: vec![u64::from_ne_bytes([byte; 8]); len.div_ceil(8)], len }
    }

    fn bytes(&self) -> &[i8] {
        &words_as_i8(&self.words)[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [i8] {
        &mut words_as_i8_mut(&mut self.words)[..self.len]
    }
}

fn main() -> std::io::Result<()> {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let (index, mut rest) = request.split_first_chunk().expect("a request begins with an operator's index");
    let index = u32::from_le_bytes(*index);
    let (_, operator, scratch) = OPERATORS.iter().find(|(known, ..)| *known == index).expect("an operator of this kernel");
    let mut inputs = Vec::new();
    for tensor in operator.inputs {
        let (bytes, after) = rest.split_at(size(tensor));
        let mut input = Buffer::filled(bytes.len(), 0);
        input.bytes_mut().iter_mut().zip(bytes).for_each(|(to, from)| *to = from.cast_signed());
        inputs.push(input);
        rest = after;
    }
    let inputs: Vec<&[i8]> = inputs.iter().map(Buffer::bytes).collect();
    for before in [0x5a, 0xa5] {
        let mut scratch = Buffer::filled(*scratch, before);
        let mut outputs: Vec<Buffer> =
            operator.outputs.iter().map(|tensor| Buffer::filled(size(tensor), before)).collect();
        let mut views: Vec<&mut [i8]> = outputs.iter_mut().map(Buffer::bytes_mut).collect();
        KERNEL(operator, &inputs, &mut views, scratch.bytes_mut());
        for output in &outputs {
            let bytes: Vec<u8> = output.bytes().iter().map(|byte| byte.cast_unsigned()).collect();
            std::io::stdout().write_all(&bytes)?;
        }
    }
    Ok(())
}

fn size(tensor: &CustomTensor) -> usize {
    tensor.elements() * tensor.element.bytes()
}
