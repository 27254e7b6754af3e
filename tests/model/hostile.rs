//! No bytes make the reader, the lowering or the reference panic.

use crate::model_read::body;
use crate::sample::{Flaw, model};
use crate::shared;

/// xorshift64*, for mutations that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % limit
    }
}

fn truncations_and_flips(bytes: &[u8]) {
    assert!(body(bytes));
    for end in 0..bytes.len() {
        body(&bytes[..end]);
    }
    let mut accepted = 0;
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[position] ^= 1 << bit;
            accepted += usize::from(body(&flipped));
        }
    }
    assert!(accepted > 0, "flipped weights still make a model");
}

#[test]
fn truncations_and_flips_of_the_sample() {
    truncations_and_flips(&model(Flaw::None));
}

#[test]
fn truncations_and_flips_of_a_real_model() {
    if let Some(bytes) = shared::model("hello_world_int8.tflite") {
        truncations_and_flips(&bytes);
    }
}

/// Numbers that are often the wrong ones, written over whole words, several at once.
#[test]
fn seeded_mutations() {
    let words = [0, 1, 4, 0x7f, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff_u32];
    let originals = [Flaw::None, Flaw::OffsetBuffer].map(model);
    let mut random = Random(0x6d6f_6465_6c21);
    for round in 0..20_000 {
        let original = &originals[round % 2];
        let mut bytes = original.clone();
        for _ in 0..=random.below(3) {
            let width = [1, 2, 4][random.below(3)];
            let position = random.below(bytes.len() / width) * width;
            let value = if random.below(2) == 0 {
                words[random.below(words.len())].to_le_bytes()
            } else {
                let from = random.below(original.len() / width - 4) * width;
                [original[from], original[from + 1], original[from + 2], original[from + 3]]
            };
            bytes[position..position + width].copy_from_slice(&value[..width]);
        }
        body(&bytes);
    }
}

/// A file that claims the same bytes over and over must not be believed.
#[test]
fn overlapping_buffers_are_refused() {
    use deployctl::model::read;
    use tflite_flatbuffers as format;

    let mut b = format::flatbuffers::FlatBufferBuilder::new();
    let count = 2_000_u32;
    let mut buffers = vec![format::Buffer::create(&mut b, &format::BufferArgs::default())];
    let mut tensors = Vec::new();
    let shape = b.create_vector(&[20_000]);
    for index in 0..=count {
        let arguments = format::BufferArgs { data: None, offset: 16, size: 20_000 };
        buffers.push(format::Buffer::create(&mut b, &arguments));
        let arguments = format::TensorArgs {
            shape: Some(shape),
            type_: format::TensorType::INT8,
            buffer: if index == 0 || index == count { 0 } else { index },
            ..format::TensorArgs::default()
        };
        tensors.push(format::Tensor::create(&mut b, &arguments));
    }
    let last = i32::try_from(count).unwrap();
    let inputs: Vec<i32> = (0..last).collect();
    let arguments = format::OperatorArgs {
        inputs: Some(b.create_vector(&inputs)),
        outputs: Some(b.create_vector(&[last])),
        ..format::OperatorArgs::default()
    };
    let operator = format::Operator::create(&mut b, &arguments);
    let arguments = format::OperatorCodeArgs { builtin_code: 2, version: 1, ..format::OperatorCodeArgs::default() };
    let code = format::OperatorCode::create(&mut b, &arguments);
    let arguments = format::SubGraphArgs {
        tensors: Some(b.create_vector(&tensors)),
        inputs: Some(b.create_vector(&[0])),
        outputs: Some(b.create_vector(&[last])),
        operators: Some(b.create_vector(&[operator])),
        name: None,
    };
    let subgraph = format::SubGraph::create(&mut b, &arguments);
    let arguments = format::ModelArgs {
        version: 3,
        operator_codes: Some(b.create_vector(&[code])),
        subgraphs: Some(b.create_vector(&[subgraph])),
        buffers: Some(b.create_vector(&buffers)),
        ..format::ModelArgs::default()
    };
    let root = format::Model::create(&mut b, &arguments);
    format::finish_model_buffer(&mut b, root);
    let error = read(b.finished_data()).unwrap_err().to_string();
    assert!(error.contains("shares its bytes with other buffers"), "{error}");
}
