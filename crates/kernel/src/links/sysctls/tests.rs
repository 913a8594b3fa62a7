use std::cell::RefCell;

use super::*;

/// Settings in memory; one about all interfaces sets those of each, as the kernel's do.
#[derive(Default)]
struct Fake(RefCell<BTreeMap<Sysctl, String>>);

impl Settings for Fake {
    fn read(&self, sysctl: &Sysctl) -> io::Result<String> {
        self.0.borrow().get(sysctl).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&self, sysctl: &Sysctl, value: &str) -> io::Result<()> {
        let mut all = self.0.borrow_mut();
        if !sysctl.of_interface {
            all.values_mut().for_each(|v| value.clone_into(v));
        }
        all.insert(sysctl.clone(), value.to_owned());
        Ok(())
    }
}

fn all() -> Sysctl {
    Sysctl::global(&["net", "ipv4", "conf", "all", "forwarding"])
}

fn of(name: &str) -> Sysctl {
    Sysctl::of_interface("ipv4", name, "forwarding")
}

fn fake() -> Fake {
    let fake = Fake::default();
    for (sysctl, value) in [(all(), "0"), (of("a.b"), "0"), (of("c"), "1")] {
        fake.0.borrow_mut().insert(sysctl, value.to_owned());
    }
    fake
}

fn apply(keeper: &mut Keeper, fake: &Fake, wanted: &[(Sysctl, &str)]) -> BTreeMap<Sysctl, String> {
    let wanted = wanted.iter().map(|(s, v)| (s.clone(), (*v).to_owned())).collect();
    for (sysctl, value) in keeper.prepare(fake, &wanted) {
        fake.write(&sysctl, &value).unwrap();
    }
    fake.0.borrow().clone()
}

#[test]
fn values_come_back_in_the_order_that_counts() {
    let fake = fake();
    let before = fake.0.borrow().clone();
    let mut keeper = Keeper::default();
    let wanted = [(all(), "1"), (of("a.b"), "1"), (of("c"), "0")];
    let now = apply(&mut keeper, &fake, &wanted);
    assert_eq!((now[&all()].as_str(), now[&of("a.b")].as_str(), now[&of("c")].as_str()), ("1", "1", "0"));
    // Twice the same is no change, and what was before is not forgotten.
    assert!(
        keeper.prepare(&fake, &wanted.iter().map(|(s, v)| (s.clone(), (*v).to_owned())).collect()).is_empty()
    );
    // Across a crash.
    let mut next = Keeper::new(&keeper.saved());
    next.restore(&fake);
    assert_eq!(*fake.0.borrow(), before);
    assert!(next.saved().is_empty());
}

#[test]
fn one_value_alone_comes_back() {
    let fake = fake();
    let mut keeper = Keeper::default();
    apply(&mut keeper, &fake, &[(of("a.b"), "1"), (of("c"), "0")]);
    let now = apply(&mut keeper, &fake, &[(of("a.b"), "1")]);
    assert_eq!((now[&of("a.b")].as_str(), now[&of("c")].as_str()), ("1", "1"));
}

#[test]
fn what_somebody_else_set_since_stays() {
    let fake = fake();
    let mut keeper = Keeper::default();
    apply(&mut keeper, &fake, &[(of("a.b"), "1")]);
    fake.write(&of("a.b"), "7").unwrap();
    apply(&mut keeper, &fake, &[]);
    assert_eq!(fake.read(&of("a.b")).unwrap(), "7");
}

#[test]
fn settings_of_an_interface_come_and_go_with_it() {
    let fake = fake();
    let mut keeper = Keeper::default();
    let late = [(of("late"), "1")];
    apply(&mut keeper, &fake, &late);
    assert!(keeper.saved().is_empty());
    fake.0.borrow_mut().insert(of("late"), "0".to_owned());
    assert_eq!(apply(&mut keeper, &fake, &late)[&of("late")], "1");
    fake.0.borrow_mut().remove(&of("late"));
    apply(&mut keeper, &fake, &late);
    assert!(keeper.saved().is_empty());
    let states = keeper.states(&fake, &[(of("late"), "1".to_owned())].into(), &BTreeMap::new());
    assert_eq!((states[0].current.as_ref(), states[0].before.as_ref()), (None, None));
    assert_eq!(of("a.b").text(), "net.ipv4.conf.a.b.forwarding");
}
