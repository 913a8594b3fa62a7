use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_file_that_is_there_and_cannot_be_read_is_told_from_one_that_is_not() {
    let folder = std::env::temp_dir().join(format!("ferr-files-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (missing, no_file) = (folder.join("missing.conf"), folder.clone());
    assert_eq!(unreadable(std::slice::from_ref(&missing)), None);
    assert!(unreadable(&[missing, no_file]).unwrap().contains("ferr-files"));
    fs::remove_dir_all(&folder).unwrap();
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ferr-files-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

const MIXED: &str = "ip route 10.0.0.0/8 192.0.2.1
bfd
 come-back delay 500
 profile fast
  transmit-interval 50
 exit
 peer 192.0.2.1
  authentication keyed-sha1 key-id 1 password hidden
 exit
exit
";

#[test]
fn each_statement_is_saved_where_it_belongs_and_nothing_is_lost() {
    let dir = folder("split");
    let [main, own_path] = ["frr.conf", OWN_FILE].map(|name| dir.join(name));
    fs::write(&main, MIXED).unwrap();
    fs::set_permissions(&main, fs::Permissions::from_mode(0o600)).unwrap();
    let files = [main.clone(), own_path.clone()];
    assert_eq!(own(&files).as_ref(), Some(&own_path));
    let (config, _) = read(&files[..1]);
    write(&main, Some(&own_path), &config).unwrap();
    let [frr, ours] = [&main, &own_path].map(|path| fs::read_to_string(path).unwrap());
    assert!(
        frr.contains("transmit-interval 50") && !frr.contains("hidden") && !frr.contains("come-back"),
        "{frr}"
    );
    assert!(ours.contains("hidden") && ours.contains("come-back delay 500"), "{ours}");
    assert!(!ours.contains("profile") && !ours.contains("ip route"), "{ours}");
    assert_eq!(fs::metadata(&main).unwrap().permissions().mode() & 0o777, 0o600, "as it was");
    assert_eq!(fs::metadata(&own_path).unwrap().permissions().mode() & 0o777 & !MODE, 0);
    let (again, diagnostics) = read(&files);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert!(again.normalized() == config.normalized());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn one_file_keeps_everything() {
    let dir = folder("one");
    let main = dir.join("frr.conf");
    fs::write(&main, MIXED).unwrap();
    let files = [main.clone()];
    assert_eq!(own(&files), None, "it would not be read at the next start");
    let (config, _) = read(&files);
    write(&main, None, &config).unwrap();
    let (again, _) = read(&files);
    assert!(again.normalized() == config.normalized());
    assert!(dir.join("frr.conf.sav").exists());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_default_place_has_a_file_of_ours_beside_it() {
    assert_eq!(own(&[DEFAULT_FILE.into()]), Some("/etc/frr/ferr.conf".into()));
}
