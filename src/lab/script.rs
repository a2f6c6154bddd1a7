//! What a simulated shell makes of the script that a session sends it.
//!
//! It does not run it. It finds the marker and the questions in it (see
//! [`crate::session::QuestionSet::script`]) and frames the recorded answers as the script would.

use super::recording::Recording;

/// A script that was understood: the marker of this exchange and the questions, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    marker: String,
    ids: Vec<String>,
}

impl Script {
    /// Finds `__n=MARKER` and the lines `__ask ID …`; `None` where there is no marker.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.lines();
        let marker = lines.find_map(|line| line.strip_prefix("__n="))?;
        let asked = lines.filter_map(|line| line.strip_prefix("__ask "));
        let ids = asked.filter_map(|rest| rest.split(' ').next());
        Some(Self {
            marker: marker.trim_matches('\'').to_owned(),
            ids: ids.map(str::to_owned).collect(),
        })
    }

    /// The framed answers, one piece a question, and a last piece that ends the exchange.
    pub(super) fn answers(&self, recording: &Recording) -> Vec<Vec<u8>> {
        let mut pieces: Vec<_> = self
            .ids
            .iter()
            .map(|id| self.frame(id, recording))
            .collect();
        pieces.push(format!("\n{} DONE\n", self.marker).into_bytes());
        pieces
    }

    fn frame(&self, id: &str, recording: &Recording) -> Vec<u8> {
        let marker = &self.marker;
        let (exit, output) = recording.answer(id);
        let mut frame = format!("\n{marker} B {id}\n").into_bytes();
        frame.extend_from_slice(output);
        frame.extend_from_slice(format!("\n{marker} E {id} {exit}\n").as_bytes());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered_in_order_and_an_unknown_one_as_a_missing_command() {
        let script = b"__n=00ff\nx() { :; }\n__ask a x\n__ask b x\nexit 0\n";
        let script = Script::parse(script).unwrap();
        let pieces = script.answers(&Recording::default());
        let text = String::from_utf8(pieces.concat()).unwrap();
        assert_eq!(
            text,
            "\n00ff B a\n\n00ff E a 127\n\n00ff B b\n\n00ff E b 127\n\n00ff DONE\n"
        );
    }

    #[test]
    fn a_text_without_a_marker_is_no_script_of_ours() {
        assert_eq!(Script::parse(b"rm -rf /\n"), None);
        assert_eq!(Script::parse(b""), None);
    }
}
