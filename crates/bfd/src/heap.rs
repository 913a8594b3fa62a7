//! Timers of all sessions: a 4-ary heap of (moment, slot) that knows where each slot is, so that moving one timer costs a few
//! compares in neighbouring memory. Its size is fixed; a slot is in it at most once.

use crate::Time;

const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

pub(crate) struct Heap {
    entries: Vec<(Time, u32)>,
    position: Vec<u32>,
}

impl Heap {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), position: vec![ABSENT; capacity] }
    }

    /// The earliest timer.
    pub(crate) fn first(&self) -> Option<(Time, u32)> {
        self.entries.first().copied()
    }

    fn at(&self, slot: u32) -> Option<usize> {
        let at = *self.position.get(slot as usize)?;
        (at != ABSENT).then_some(at as usize)
    }

    /// Sets the timer of a slot; [`Time::NEVER`] takes it away.
    pub(crate) fn set(&mut self, slot: u32, time: Time) {
        match self.at(slot) {
            Some(at) if time == Time::NEVER => self.remove(at),
            Some(at) => {
                let old = std::mem::replace(&mut self.entries[at].0, time);
                if time < old {
                    self.up(at);
                } else if time > old {
                    self.down(at);
                }
            }
            None if time == Time::NEVER || slot as usize >= self.position.len() => {}
            None => {
                self.entries.push((time, slot));
                let at = self.entries.len() - 1;
                self.position[slot as usize] = at as u32;
                self.up(at);
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let (_, slot) = self.entries.swap_remove(at);
        self.position[slot as usize] = ABSENT;
        if let Some(&(_, moved)) = self.entries.get(at) {
            self.position[moved as usize] = at as u32;
            self.up(at);
            self.down(at);
        }
    }

    fn up(&mut self, mut at: usize) {
        let entry = self.entries[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.entries[parent].0 <= entry.0 {
                break;
            }
            self.place(at, self.entries[parent]);
            at = parent;
        }
        self.place(at, entry);
    }

    fn down(&mut self, mut at: usize) {
        let entry = self.entries[at];
        loop {
            let first = at * ARITY + 1;
            let children = first.min(self.entries.len())..(first + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|child| self.entries[*child].0) else { break };
            if self.entries[least].0 >= entry.0 {
                break;
            }
            self.place(at, self.entries[least]);
            at = least;
        }
        self.place(at, entry);
    }

    fn place(&mut self, at: usize, entry: (Time, u32)) {
        self.entries[at] = entry;
        self.position[entry.1 as usize] = at as u32;
    }
}
