//! Runs a tunnel from a file of `wg-quick` until it is killed. Addresses, routes and the state of the device are left to the caller.
//!
//! `tunnel NAME FILE [CONTROL-FOLDER [THREADS]]`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ferr_wireguard::{Tunnel, TunnelEvent, TunnelSpec, read_secret_file, wg_quick};

fn run(words: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [name, file, rest @ ..] = words else {
        return Err("tunnel NAME FILE [CONTROL-FOLDER [THREADS]]".into());
    };
    let (file, errors) = wg_quick::parse(&read_secret_file(Path::new(file))?);
    if let Some(error) = errors.first() {
        return Err((*error).into());
    }
    let mut spec = TunnelSpec::new(name);
    spec.peers = file.tunnel.peers.len();
    spec.control_dir = rest.first().map(PathBuf::from);
    spec.threads = rest.get(1).map(|n| n.parse()).transpose()?;
    let (tell, events) = std::sync::mpsc::channel();
    spec.listener = Some(Box::new(move |event: TunnelEvent| {
        let _ = tell.send(event);
    }));
    let tunnel = Tunnel::start(spec)?;
    tunnel.configure(&file.tunnel)?;
    println!("ready");
    for event in events {
        println!("{event:?}");
        if event == TunnelEvent::DeviceLost {
            break;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tunnel: {error}");
            ExitCode::FAILURE
        }
    }
}
