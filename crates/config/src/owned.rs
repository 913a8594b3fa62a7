//! What the programs of FRR may not change: statements that they do not see.
//!
//! A line of theirs is applied; when it changed what our own file holds, that is put back.

use crate::error::ConfigError;
use crate::file::OWN_FILE;
use crate::grammar::Found;
use crate::grammar::mode::Mode;
use crate::model::Config;
use crate::model::interface::Interface;
use crate::model::origin::Origin;

/// Statements of ours before a line of theirs.
pub(crate) enum Guard {
    /// The line touches none.
    Nothing,
    /// An interface as it was.
    Interface(String, Box<Interface>),
    /// A VRF as it was, with its table.
    Vrf(String, u32),
    /// The line itself is in our own file.
    Line(String),
}

/// Header of a block whose lines are told apart by origin.
pub(crate) fn block(mode: &Mode) -> Option<String> {
    match mode {
        Mode::Interface { name, .. } => Some(format!("interface {name}")),
        Mode::Vrf(name) => Some(format!("vrf {name}")),
        _ => None,
    }
}

impl Guard {
    /// Looks at what `found`, in `mode`, may change.
    pub(crate) fn new(
        config: &Config,
        origin: &Origin,
        mode: &Mode,
        found: &Found<'_, '_>,
        no: bool,
    ) -> Self {
        if *origin != Origin::Vty {
            return Self::Nothing;
        }
        if no
            && let Some(block) = block(mode)
            && config.origins.inner(&block, &found.args.canonical()).is_some_and(|o| o.is_in(OWN_FILE))
        {
            return Self::Line(block);
        }
        let interface = |name: &str| {
            let held = config.interfaces.get(name).filter(|i| i.own != Default::default());
            held.map_or(Self::Nothing, |i| Self::Interface(name.to_owned(), Box::new(i.clone())))
        };
        match mode {
            Mode::Interface { name, .. } => interface(name),
            Mode::Config if no && found.syntax().starts_with("interface ") => {
                interface(&found.args.name("name"))
            }
            Mode::Config if no && found.syntax().starts_with("vrf ") => {
                let name = found.args.name("name");
                let table = config.vrfs.get(&name).and_then(|v| v.table);
                table.map_or(Self::Nothing, |table| Self::Vrf(name, table))
            }
            _ => Self::Nothing,
        }
    }

    /// Whether the line shall not be applied at all.
    pub(crate) const fn forbids(&self) -> bool {
        matches!(self, Self::Line(_))
    }

    /// Puts back what was changed; says where it stands when there was such a change.
    pub(crate) fn restore(self, config: &mut Config) -> Option<ConfigError> {
        let block = match self {
            Self::Nothing => return None,
            Self::Line(block) => block,
            Self::Interface(name, before) => {
                let now = config.interfaces.entry(name.clone()).or_default();
                if !now.take_back(&before) {
                    return None;
                }
                format!("interface {name}")
            }
            Self::Vrf(name, table) => {
                let now = config.vrfs.entry(name.clone()).or_default();
                if now.table.replace(table) == Some(table) {
                    return None;
                }
                format!("vrf {name}")
            }
        };
        let place = config.origins.place(&block, OWN_FILE).unwrap_or(block);
        Some(ConfigError::Owned { place })
    }
}

impl Interface {
    /// Restores from `before` what belongs to the link; whether anything differed.
    fn take_back(&mut self, before: &Self) -> bool {
        let old = self.clone();
        self.own.clone_from(&before.own);
        if before.own.is_declared() {
            self.description.clone_from(&before.description);
            self.shutdown = before.shutdown;
            self.addresses.clone_from(&before.addresses);
            self.labels.clone_from(&before.labels);
            self.peer_addresses.clone_from(&before.peer_addresses);
        }
        *self != old
    }
}
