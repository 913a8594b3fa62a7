//! Checks of the frr.conf grammar. Panics are findings.

use ferr_config::{Config, ModeStack, Part, complete, execute_line, parse, render};

/// A whole file: what was understood is printed, and read back as the same.
pub fn file(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let config = parse("input", &text).config;
    reads_back(&config);
}

/// Single lines, as typed: a line that is refused leaves no trace, and completion answers anywhere.
pub fn lines(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (mut config, mut stack) = (Config::default(), ModeStack::default());
    for line in text.lines().take(64) {
        let _ = complete(&stack, line);
        let before = config.clone();
        if execute_line(&mut config, &mut stack, line).is_err() {
            assert!(before.normalized() == config.normalized(), "{line:?} left a trace");
        }
    }
    reads_back(&config);
}

fn reads_back(config: &Config) {
    for part in [Part::Zebra, Part::Bgp, Part::Static] {
        let _ = render(config, part);
    }
    let text = render(config, Part::All);
    let again = parse("again", &text);
    let errors: Vec<String> = again.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    assert_eq!(render(&again.config, Part::All), text);
    assert!(again.config.normalized() == config.normalized(), "{text}");
}
