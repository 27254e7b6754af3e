//! Law 8: records hold no time, host or duration; those go to a journal beside them.

use crate::space::{Mix, Space, diamond};

#[test]
fn law_8_nothing_hidden_times_and_log_lines_are_in_the_journal_only() {
    let space = Space::new();
    let graph = diamond(Mix::new("2"));
    let outcome = space.build(&graph);
    assert!(space.heard("four: mixing 2 inputs"));
    let id = graph.find("four").unwrap();
    let journal = space.store().journal(outcome.key(id).unwrap()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&journal).unwrap();
    assert_eq!(line["log"][0], "mixing 2 inputs");
    assert!(line["duration_ms"].is_u64() && line["ended_ns"].is_i64());
    let key = outcome.key(id).unwrap().to_hex();
    let record = space.path(&format!("store/store-v1/records/{}/{}.json", &key[..2], &key[2..]));
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&record), ["key", "record", "seal"]);
    assert_eq!(names(&record["record"]), ["fields", "outputs"]);
    assert_eq!(names(&record["record"]["fields"][0]), ["name", "section", "type", "value"]);
    assert_eq!(names(&record["record"]["outputs"][0]), ["digest", "executable", "path", "size"]);
}

#[test]
fn law_8_nothing_hidden_the_cache_folder_is_tagged() {
    let space = Space::new();
    space.store();
    let tag = std::fs::read_to_string(space.path("store/CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
}
