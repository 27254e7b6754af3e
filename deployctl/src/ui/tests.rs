//! What is printed, and where.

use std::sync::Arc;

use super::*;
use crate::error::Kind;

/// A stream that is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What is written to both streams, without a terminal.
fn written(json: bool, show: impl Fn(&Ui)) -> (String, String) {
    let (out, err) = (Kept::default(), Kept::default());
    let streams = Streams { out: Box::new(out.clone()), err: Box::new(err.clone()) };
    show(&Ui::new(streams, json, false));
    (out.text(), err.text())
}

fn stage(status: StageStatus) -> Event {
    Event::Stage {
        deployment: Some("kws".into()),
        target: Some("host".into()),
        stage: "memory".into(),
        status,
        duration: Duration::from_secs(3),
    }
}

#[test]
fn a_log_has_plain_lines_without_times_and_colours() {
    let (out, err) = written(false, |ui| {
        ui.show(&stage(StageStatus::Reused));
        ui.show(&stage(StageStatus::Ran));
        ui.show(&Event::Note { text: "a note".into() });
        ui.tally(1, 1);
    });
    assert_eq!(out, "");
    assert_eq!(err, "     ran memory     kws on host\n    note a note\n     ran 1 stage, reused 1\n");
}

#[test]
fn annotations_are_one_line_each_whatever_they_say() {
    let annotation = Event::Annotation {
        level: Level::Warning,
        file: "a,b:c.kdl".into(),
        line: 7,
        title: "kws: flash".into(),
        message: "50 % left,\n::error::x".into(),
    };
    let (out, err) = written(false, |ui| ui.show(&annotation));
    let line = "::warning file=a%2Cb%3Ac.kdl,line=7,title=kws%3A flash::50 %25 left,%0A::error::x\n";
    assert_eq!((&*out, &*err), (line, ""));
    let (out, _) = written(true, |ui| ui.show(&annotation));
    assert!(
        out.starts_with("{\"event\":\"annotation\",\"level\":\"warning\",\"file\":\"a,b:c.kdl\",\"line\":7,"),
        "{out}"
    );
}

#[test]
fn programs_get_one_object_a_line_on_standard_output() {
    let (out, err) = written(true, |ui| {
        ui.show(&stage(StageStatus::Reused));
        ui.tally(0, 1);
        ui.fail(&Error::plain(Kind::Tool, "no `gcc`", "install it"));
        ui.show(&Event::Result { verdict: "error".into() });
    });
    assert_eq!(err, "");
    assert_eq!(
        out,
        "{\"event\":\"stage\",\"deployment\":\"kws\",\"target\":\"host\",\"stage\":\"memory\",\"status\":\"reused\"}\n\
         {\"event\":\"error\",\"code\":5,\"message\":\"no `gcc`\",\"help\":\"install it\"}\n\
         {\"event\":\"result\",\"verdict\":\"error\"}\n"
    );
}
