//! System settings that the configuration implies: set, watched, and put back.

use std::collections::BTreeMap;
use std::io;

use super::memory::SavedSysctl;
use super::plan::Sysctl;

/// Where settings are.
pub(crate) trait Settings {
    fn read(&self, sysctl: &Sysctl) -> io::Result<String>;
    fn write(&self, sysctl: &Sysctl, value: &str) -> io::Result<()>;
}

/// `/proc/sys` of the calling thread's network namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcSys;

fn parts(sysctl: &Sysctl) -> Vec<&str> {
    sysctl.name.iter().map(String::as_str).collect()
}

impl Settings for ProcSys {
    fn read(&self, sysctl: &Sysctl) -> io::Result<String> {
        crate::sysctl(&parts(sysctl))
    }

    fn write(&self, sysctl: &Sysctl, value: &str) -> io::Result<()> {
        crate::set_sysctl(&parts(sysctl), value)
    }
}

/// A setting, as it is and as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlState {
    /// Which.
    pub sysctl: Sysctl,
    /// Wanted value.
    pub wanted: String,
    /// Present value; `None` while there is no such setting.
    pub current: Option<String>,
    /// Value before ours, when it was another.
    pub before: Option<String>,
    /// Why it could not be set.
    pub error: Option<String>,
}

/// What was before ours.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    saved: BTreeMap<Sysctl, SavedSysctl>,
}

impl Keeper {
    pub(crate) fn new(saved: &[SavedSysctl]) -> Self {
        let key = |s: &SavedSysctl| Sysctl { of_interface: s.of_interface, name: s.name.clone() };
        Self { saved: saved.iter().map(|s| (key(s), s.clone())).collect() }
    }

    /// What has to be remembered.
    pub(crate) fn saved(&self) -> Vec<SavedSysctl> {
        self.saved.values().cloned().collect()
    }

    /// Decides what is to be written; what was before is remembered by then.
    pub(crate) fn prepare(
        &mut self,
        settings: &impl Settings,
        wanted: &BTreeMap<Sysctl, String>,
    ) -> Vec<(Sysctl, String)> {
        let mut writes = Vec::new();
        let gone: Vec<Sysctl> = self.saved.keys().filter(|s| !wanted.contains_key(*s)).cloned().collect();
        for sysctl in gone {
            if let Some(saved) = self.saved.remove(&sysctl)
                && settings.read(&sysctl).is_ok_and(|now| now == saved.ours)
            {
                writes.push((sysctl, saved.old));
            }
        }
        for (sysctl, value) in wanted {
            let Ok(now) = settings.read(sysctl) else {
                // An interface that is gone took its settings with it.
                self.saved.remove(sysctl);
                continue;
            };
            if let Some(saved) = self.saved.get_mut(sysctl) {
                saved.ours.clone_from(value);
            }
            if now != *value {
                let saved = || SavedSysctl {
                    name: sysctl.name.clone(),
                    of_interface: sysctl.of_interface,
                    old: now,
                    ours: value.clone(),
                };
                self.saved.entry(sysctl.clone()).or_insert_with(saved);
                writes.push((sysctl.clone(), value.clone()));
            }
        }
        writes
    }

    /// Puts everything back that still is as we set it.
    pub(crate) fn restore(&mut self, settings: &impl Settings) {
        for (sysctl, value) in self.prepare(settings, &BTreeMap::new()) {
            // What cannot be put back is gone, or was not ours to set either.
            let _ = settings.write(&sysctl, &value);
        }
    }

    /// How things are.
    pub(crate) fn states(
        &self,
        settings: &impl Settings,
        wanted: &BTreeMap<Sysctl, String>,
        errors: &BTreeMap<Sysctl, String>,
    ) -> Vec<SysctlState> {
        let state = |(sysctl, value): (&Sysctl, &String)| SysctlState {
            sysctl: sysctl.clone(),
            wanted: value.clone(),
            current: settings.read(sysctl).ok(),
            before: self.saved.get(sysctl).map(|s| s.old.clone()),
            error: errors.get(sysctl).cloned(),
        };
        wanted.iter().map(state).collect()
    }
}

#[cfg(test)]
mod tests;
