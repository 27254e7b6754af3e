//! `TFLite_Detection_PostProcess`, a custom operator of detectors.

use kernels::{DETECTION_WORDS, DetectionPostprocess, Op};

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered};
use crate::model::{CustomOptions, TensorType};

/// What LiteRT Micro takes where the model does not say it.
const PER_CLASS: usize = 100;

/// `TFLite_Detection_PostProcess`: encodings, scores, anchors.
pub(super) fn postprocess(site: &Site) -> Result<Lowered, Fault> {
    site.counts(3..=3, 4)?;
    let (encodings, scores, anchors) = (site.operand(0)?, site.operand(1)?, site.operand(2)?);
    let outputs = [site.result(0)?, site.result(1)?, site.result(2)?, site.result(3)?];
    for operand in [&encodings, &scores, &anchors].into_iter().chain(&outputs) {
        operand.one_of(&[TensorType::Float32])?;
    }
    let op = op(site, &encodings, &scores, &anchors)?;
    let most = op.detections;
    for (output, elements) in outputs.iter().zip([most * 4, most, most, 1]) {
        output.expect_elements(elements)?;
    }
    let memory = site.own(0)?;
    memory.one_of(&[TensorType::Float32])?;
    memory.expect(&[op.anchors, DETECTION_WORDS])?;
    let inputs = vec![encodings.id, scores.id, anchors.id];
    let outputs = outputs.iter().map(|output| output.id).chain([memory.id]).collect();
    Ok(Lowered::op(Op::DetectionPostprocess(op), inputs, outputs))
}

fn op(site: &Site, encodings: &Operand, scores: &Operand, anchors: &Operand) -> Result<DetectionPostprocess, Fault> {
    let count = |name: &str| site.option(name, CustomOptions::int32).and_then(|count| positive(name, count));
    let real = |name: &str| site.option(name, CustomOptions::float);
    let options = site.custom()?;
    let classes = count("num_classes")?;
    let (&[1, boxes, encoding], &[1, rows, columns], &[lines, 4]) =
        (encodings.shape(), scores.shape(), anchors.shape())
    else {
        let (a, b, c) = (encodings.shape(), scores.shape(), anchors.shape());
        return Err(Fault::at(encodings.id, format!("has encodings {a:?}, scores {b:?} and anchors {c:?}"), EXPORT));
    };
    let fits = encoding >= 4 && rows == boxes && lines == boxes && (columns == classes || columns == classes + 1);
    agree(fits, scores.id, || {
        format!("has scores of shape {:?} for {boxes} boxes, {lines} anchors and {classes} classes", scores.shape())
    })?;
    let regular = !matches!(options.bool("use_regular_nms"), None | Some(false));
    let per_class = match options.value("detections_per_class") {
        Some(_) if regular => count("detections_per_class")?,
        _ => PER_CLASS,
    };
    if !regular && classes > 1 && count("max_classes_per_detection")? > 1 {
        let reason = "gives a box several classes, which LiteRT Micro writes beyond its outputs".to_owned();
        return Err(Fault::new(reason, "export with `max_classes_per_detection` 1, or with `use_regular_nms`"));
    }
    let overlap_threshold = real("nms_iou_threshold")?;
    let scales = [real("y_scale")?, real("x_scale")?, real("h_scale")?, real("w_scale")?];
    if !(overlap_threshold > 0.0 && overlap_threshold <= 1.0) || scales.contains(&0.0) {
        return Err(Fault::new(format!("has overlap threshold {overlap_threshold} and scales {scales:?}"), EXPORT));
    }
    Ok(DetectionPostprocess {
        anchors: boxes,
        encoding,
        classes,
        background: columns - classes,
        detections: count("max_detections")?,
        per_class: regular.then_some(per_class),
        score_threshold: real("nms_score_threshold")?,
        overlap_threshold,
        scales,
    })
}

fn positive(name: &str, count: i32) -> Result<usize, Fault> {
    let positive = usize::try_from(count).ok().filter(|&count| count > 0);
    positive.ok_or_else(|| Fault::new(format!("has the option `{name}` as {count}"), EXPORT))
}
