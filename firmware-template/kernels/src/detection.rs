//! `TFLite_Detection_PostProcess`: boxes of a detector decoded, and of those that overlap the best kept.
//!
//! A box without an area, at which LiteRT Micro ends the inference with an error, overlaps nothing here. What LiteRT Micro
//! leaves unwritten behind the last detection is zero here.

use crate::arithmetic::settled;
use crate::bytes::{view, view_mut, wrong_operands};

/// `TFLite_Detection_PostProcess` of float32. Operands: encodings, scores, anchors; boxes, classes, scores, number of detections,
/// and memory to work in, [`WORDS`] words a box.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DetectionPostprocess {
    /// Anchors, and so boxes before any is discarded.
    pub anchors: usize,
    /// Elements of an encoding, of which the first four count: y, x, height, width.
    pub encoding: usize,
    /// Classes.
    pub classes: usize,
    /// Scores of an anchor in front of the classes' own: 1 where there is one of the background.
    pub background: usize,
    /// Detections at most.
    pub detections: usize,
    /// Where suppression is done class by class: detections of a class at most.
    pub per_class: Option<usize>,
    /// Scores below do not count.
    pub score_threshold: f32,
    /// Boxes of more intersection over union are one.
    pub overlap_threshold: f32,
    /// Divisors of y, x, height and width.
    pub scales: [f32; 4],
}

/// Words of memory for each box: its edges, its best score, its rank.
pub const WORDS: usize = 6;

/// Edges of a box: smallest y and x, largest y and x.
type Edges = [f32; 4];

/// Decodes, suppresses, and writes the best first.
#[inline]
pub fn detection_postprocess(p: &DetectionPostprocess, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([encodings, scores, anchors], [boxes, classes, found, count, memory]) = (inputs, outputs) else {
        wrong_operands()
    };
    memory.fill(0);
    let (edges, memory) = memory.split_at_mut(16 * p.anchors);
    let (best, ranks) = memory.split_at_mut(4 * p.anchors);
    let (edges, best, ranks) = (view_mut::<f32>(edges), view_mut::<f32>(best), view_mut::<u32>(ranks));
    p.decode(view::<f32>(encodings), view::<f32>(anchors), edges);
    let edges = edges.as_chunks::<4>().0;
    let columns = p.classes + p.background;
    let scores = view::<f32>(scores);
    let of_anchor = |anchor: u32| &scores[anchor as usize * columns + p.background..][..p.classes];
    let mut list = List {
        boxes: view_mut::<f32>(boxes).as_chunks_mut().0,
        classes: view_mut::<f32>(classes),
        scores: view_mut::<f32>(found),
        len: 0,
    };
    list.clear();
    if let Some(per_class) = p.per_class {
        for class in 0..p.classes {
            let score = |anchor: u32| of_anchor(anchor)[class];
            for &mut anchor in p.suppress(edges, score, per_class, ranks) {
                list.insert(score(anchor), class, edges[anchor as usize], p.detections);
            }
        }
    } else {
        for (anchor, best) in best.iter_mut().enumerate() {
            let scores = of_anchor(anchor as u32);
            *best = scores[first_largest(scores)];
        }
        for &mut anchor in p.suppress(edges, |anchor| best[anchor as usize], p.detections, ranks) {
            let class = first_largest(of_anchor(anchor));
            list.insert(best[anchor as usize], class, edges[anchor as usize], p.detections);
        }
    }
    view_mut::<f32>(count)[0] = list.len as f32;
}

impl DetectionPostprocess {
    /// From centre and size, relative to an anchor, to edges: in 64 bits, and the edges in 32, as LiteRT Micro.
    fn decode(&self, encodings: &[f32], anchors: &[f32], edges: &mut [f32]) {
        let [y_scale, x_scale, h_scale, w_scale] = self.scales.map(f64::from);
        let anchors = anchors.as_chunks::<4>().0;
        let boxes = edges.as_chunks_mut::<4>().0.iter_mut().zip(encodings.chunks_exact(self.encoding)).zip(anchors);
        for ((edges, encoding), anchor) in boxes {
            let [y, x, h, w] = [0, 1, 2, 3].map(|at| f64::from(encoding[at]));
            let [anchor_y, anchor_x, anchor_h, anchor_w] = anchor.map(f64::from);
            let (y, x) = ((y / y_scale * anchor_h + anchor_y) as f32, (x / x_scale * anchor_w + anchor_x) as f32);
            let h = (0.5 * libm::exp(h / h_scale) * anchor_h) as f32;
            let w = (0.5 * libm::exp(w / w_scale) * anchor_w) as f32;
            *edges = [y - h, x - w, y + h, x + w].map(settled);
        }
    }

    /// The anchors that remain, the best first and of equal ones the first, `most` of them at most.
    fn suppress<'a>(
        &self,
        edges: &[Edges],
        score: impl Fn(u32) -> f32,
        most: usize,
        ranks: &'a mut [u32],
    ) -> &'a mut [u32] {
        let mut candidates = 0;
        for anchor in 0..self.anchors as u32 {
            if score(anchor) >= self.score_threshold {
                ranks[candidates] = anchor;
                candidates += 1;
            }
        }
        ranks[..candidates].sort_unstable_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        let mut kept = 0;
        for candidate in 0..candidates {
            if kept == most {
                break;
            }
            let anchor = ranks[candidate];
            let other =
                |&better: &u32| overlap(&edges[better as usize], &edges[anchor as usize]) > self.overlap_threshold;
            if !ranks[..kept].iter().any(other) {
                ranks[kept] = anchor;
                kept += 1;
            }
        }
        &mut ranks[..kept]
    }
}

/// The outputs as a list, the best first.
struct List<'a> {
    boxes: &'a mut [Edges],
    classes: &'a mut [f32],
    scores: &'a mut [f32],
    len: usize,
}

impl List<'_> {
    fn clear(&mut self) {
        self.boxes.fill([0.0; 4]);
        self.classes.fill(0.0);
        self.scores.fill(0.0);
    }

    /// Puts a detection behind those that are not worse; what goes beyond `most` is lost.
    fn insert(&mut self, score: f32, class: usize, edges: Edges, most: usize) {
        let place = self.scores[..self.len].iter().rposition(|&other| other >= score).map_or(0, |at| at + 1);
        if place >= most {
            return;
        }
        self.len = if self.len < most { self.len + 1 } else { most };
        self.boxes[place..self.len].rotate_right(1);
        self.classes[place..self.len].rotate_right(1);
        self.scores[place..self.len].rotate_right(1);
        (self.boxes[place], self.classes[place], self.scores[place]) = (edges, class as f32, score);
    }
}

fn first_largest(scores: &[f32]) -> usize {
    let mut largest = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[largest] {
            largest = class;
        }
    }
    largest
}

/// Intersection over union; `a` is the better one.
fn overlap(a: &Edges, b: &Edges) -> f32 {
    let larger = |a: f32, b: f32| if a < b { b } else { a };
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let area = |edges: &Edges| (edges[2] - edges[0]) * (edges[3] - edges[1]);
    let (area_a, area_b) = (area(a), area(b));
    if area_a <= 0.0 || area_b <= 0.0 {
        return 0.0;
    }
    let height = larger(smaller(a[2], b[2]) - larger(a[0], b[0]), 0.0);
    let width = larger(smaller(a[3], b[3]) - larger(a[1], b[1]), 0.0);
    let both = height * width;
    both / (area_a + area_b - both)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::bytes::{words_as_i8, words_as_i8_mut};

    const P: DetectionPostprocess = DetectionPostprocess {
        anchors: 3,
        encoding: 4,
        classes: 2,
        background: 1,
        detections: 3,
        per_class: None,
        score_threshold: 0.1,
        overlap_threshold: 0.5,
        scales: [10.0, 10.0, 5.0, 5.0],
    };

    fn words(values: &[f32]) -> Vec<u64> {
        let mut words = vec![0; values.len().div_ceil(2)];
        view_mut::<f32>(words_as_i8_mut(&mut words))[..values.len()].copy_from_slice(values);
        words
    }

    /// Boxes, classes, scores and number of what is detected at three anchors, of which the first two nearly coincide.
    fn run(p: &DetectionPostprocess, scores: [f32; 9]) -> (Vec<f32>, Vec<f32>, Vec<f32>, f32) {
        let anchors = [0.5, 0.5, 1.0, 1.0, 0.5, 0.75, 1.0, 1.0, 5.0, 5.0, 2.0, 2.0];
        let (encodings, scores, anchors) = (words(&[0.0; 12]), words(&scores), words(&anchors));
        let mut outputs = [12, 3, 3, 1, 3 * WORDS].map(|len| (words(&vec![9.0; len]), len * 4));
        let mut slices: Vec<&mut [i8]> =
            outputs.iter_mut().map(|(words, len)| &mut words_as_i8_mut(words)[..*len]).collect();
        let inputs = [words_as_i8(&encodings), &words_as_i8(&scores)[..36], words_as_i8(&anchors)];
        detection_postprocess(p, &inputs, &mut slices);
        let [boxes, classes, found, count] = [0, 1, 2, 3].map(|at| view::<f32>(slices[at]).to_vec());
        (boxes, classes, found, count[0])
    }

    #[test]
    fn of_what_overlaps_the_best_remains() {
        let (boxes, classes, scores, count) = run(&P, [0.9, 0.3, 0.2, 0.0, 0.1, 0.6, 0.9, 0.4, 0.4]);
        assert_eq!((count, &classes[..], &scores[..]), (2.0, &[1.0, 0.0, 0.0][..], &[0.6, 0.4, 0.0][..]));
        assert_eq!(boxes[..8], [0.0, 0.25, 1.0, 1.25, 4.0, 4.0, 6.0, 6.0]);
        assert_eq!(boxes[8..], [0.0; 4]);
    }

    #[test]
    fn classes_may_be_told_apart() {
        let p = DetectionPostprocess { per_class: Some(2), ..P };
        let (_, classes, scores, count) = run(&p, [0.9, 0.3, 0.2, 0.0, 0.1, 0.6, 0.9, 0.4, 0.4]);
        assert_eq!((count, &classes[..], &scores[..]), (3.0, &[1.0, 0.0, 1.0][..], &[0.6, 0.4, 0.4][..]));
        let p = DetectionPostprocess { per_class: Some(1), score_threshold: 0.5, ..P };
        assert_eq!(run(&p, [0.0, 0.3, 0.2, 0.0, 0.1, 0.6, 0.9, 0.4, 0.4]).3, 1.0);
    }

    #[test]
    fn of_equal_ones_the_first_comes_first() {
        let p = DetectionPostprocess { overlap_threshold: 1.0, detections: 2, ..P };
        let (boxes, classes, _, count) = run(&p, [0.0, 0.7, 0.7, 0.0, 0.2, 0.7, 0.0, 0.7, 0.1]);
        assert_eq!((count, &classes[..2]), (2.0, &[0.0, 1.0][..]));
        assert_eq!(boxes[..8], [0.0, 0.0, 1.0, 1.0, 0.0, 0.25, 1.0, 1.25]);
    }
}
