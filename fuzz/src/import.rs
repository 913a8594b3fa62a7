//! Checks of the importers. Panics are findings.

use ferr_import::{Imported, Options};

/// What VyOS printed.
pub fn vyos(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let said = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
    sound(&text, said, &ferr_import::vyos(&text, &Options::default()));
}

/// A file of wg-quick.
pub fn wg_quick(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let said = |line: &str| line.split('#').next().is_some_and(|content| !content.trim().is_empty());
    sound(&text, said, &ferr_import::wg_quick("wg0", &text, &Options::default()));
}

/// No line is lost, and what came out is understood.
fn sound(text: &str, said: fn(&str) -> bool, imported: &Imported) {
    let expected = text.lines().enumerate().filter(|(_, line)| said(line)).map(|(index, _)| index + 1);
    assert!(imported.lines.iter().map(|l| l.number).eq(expected), "a line was lost");
    let files = [("frr.conf", &imported.frr), ("ferr.conf", &imported.own)];
    let outcome = ferr_config::parse_files(&files);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{}\n{}", imported.frr, imported.own);
}
