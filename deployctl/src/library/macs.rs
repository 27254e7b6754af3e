//! How much arithmetic a step is.

use kernels::{
    BatchMatMul, BatchMatMulF32, ConvolveF32, ConvolveI16, Lstm, LstmF32, Op, TransposeConv, TransposeConvF32,
};

use crate::model::lower::{Call, Step};

/// Multiply-accumulates of a step, with those on padding and behind an output's edge counted; zero for operators that are
/// not products.
pub fn macs(step: &Step) -> u64 {
    let product =
        |factors: &[usize]| factors.iter().fold(1_u64, |product, &factor| product.saturating_mul(factor as u64));
    match &step.call {
        Call::Conv2d(p) => product(&[p.output.len(), p.filter.h, p.filter.w, p.filter.c]),
        Call::DepthwiseConv2d(p) => product(&[p.output.len(), p.filter.h, p.filter.w]),
        Call::FullyConnected(p) => product(&[p.batches, p.units, p.depth]),
        Call::Op(Op::ConvolveF32(ConvolveF32 { at, .. }) | Op::ConvolveI16(ConvolveI16 { at, .. })) => {
            product(&[at.output.len(), at.taps.h, at.taps.w, at.depth])
        }
        Call::Op(Op::BatchMatMul(BatchMatMul { at, .. }) | Op::BatchMatMulF32(BatchMatMulF32 { at })) => {
            let [a, b, c] = at.batches;
            product(&[a, b, c, at.rows, at.columns, at.depth])
        }
        Call::Op(Op::TransposeConv(TransposeConv { at, .. }) | Op::TransposeConvF32(TransposeConvF32 { at, .. })) => {
            product(&[at.input.len(), at.filter.n, at.filter.h, at.filter.w])
        }
        Call::Own(own) => own.reference.as_deref().map_or(0, macs),
        Call::Op(Op::Lstm(Lstm { sizes, .. }) | Op::LstmF32(LstmF32 { sizes, .. })) => {
            product(&[4, sizes.batches, sizes.steps, sizes.units, sizes.depth + sizes.units])
        }
        Call::AveragePool2d(_)
        | Call::MaxPool2d(_)
        | Call::Add(_)
        | Call::Softmax(_)
        | Call::Reshape
        | Call::Op(_)
        | Call::Step(_)
        | Call::If { .. }
        | Call::While { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use kernels::{BatchMatMulF32, Matrices, Op, Product};

    use super::macs;
    use crate::model::OperatorId;
    use crate::model::lower::{Call, Step};

    #[test]
    fn matrix_products_count() {
        let matrices = Matrices { batch: [0, 0, 6], line: 3, depth: 1 };
        let at = Product { batches: [1, 1, 5], rows: 2, columns: 4, depth: 3, left: matrices, right: matrices };
        let call = Call::Op(Op::BatchMatMulF32(BatchMatMulF32 { at }));
        let (inputs, outputs) = (Vec::new(), Vec::new());
        let step = Step { operator: OperatorId(0), call, inputs, tables: Vec::new(), outputs, weights: None };
        assert_eq!(macs(&step), 5 * 2 * 4 * 3);
    }
}
