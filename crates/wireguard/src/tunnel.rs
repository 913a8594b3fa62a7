//! A running tunnel, as the daemon holds it.

use std::io;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ferr_netio::{InterfaceQuery, open_tun};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::config::TunnelConfig;
use crate::control::{Command, Control, Listener, Wish};
use crate::device::Device;
use crate::status::{SocketState, TunnelStatus};
use crate::uapi::ControlSocket;
use crate::worker::{Shared, Sockets, Worker};

/// Most threads that carry packets by default; one carries several Gbit/s.
const MAX_THREADS: usize = 4;
/// Commands that may wait.
const COMMANDS: usize = 16;
/// How long a peer may stay silent by default: three tries of a handshake.
const SILENCE: Duration = Duration::from_secs(15);

/// Why a tunnel could not be started or configured.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The device could not be opened.
    #[error("TUN device {name}: {source}")]
    Device {
        /// Its name.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The control socket could not be made.
    #[error("control socket {}: {source}", path.display())]
    ControlSocket {
        /// Where it was to be.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A thread or something that it needs could not be made.
    #[error("starting a tunnel: {0}")]
    Start(#[from] io::Error),
    /// The outer sockets could not be opened.
    #[error("UDP port {}: {kind}", port.map_or(0, u16::from))]
    Socket {
        /// The port that was asked for.
        port: Option<NonZeroU16>,
        /// What the kernel said.
        kind: io::ErrorKind,
    },
    /// The mark could not be set.
    #[error("mark of outer packets: {0}")]
    Mark(io::ErrorKind),
    /// The tunnel has ended: its device was deleted.
    #[error("the device was deleted")]
    Lost,
}

/// How a tunnel is run.
pub struct TunnelSpec {
    /// Name of the device, which is made when there is none.
    pub name: String,
    /// Threads that carry packets, each with a queue of the device; `None` chooses by the number of processors and `peers`.
    pub threads: Option<usize>,
    /// Peers that are expected, to choose the number of threads by.
    pub peers: usize,
    /// The device, with its addresses and routes, outlives the process.
    pub persistent: bool,
    /// Folder of the control socket of `wg`, usually `/var/run/wireguard`; `None` makes none.
    pub control_dir: Option<PathBuf>,
    /// How long a peer may leave handshakes unanswered until it counts as silent.
    pub silence: Duration,
    /// The device has a carrier only while a peer may answer: when all are silent, the kernel sends packets another way. Silent peers are
    /// then asked again and again, since nothing is sent that would ask them.
    pub follow_peers: bool,
    /// Is told what happens, on a thread of the tunnel's; must not wait for long.
    pub listener: Option<Listener>,
}

impl TunnelSpec {
    /// With usual values: one peer, no control socket.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            threads: None,
            peers: 1,
            persistent: false,
            control_dir: None,
            silence: SILENCE,
            follow_peers: false,
            listener: None,
        }
    }

    fn threads(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(|| self.peers.clamp(1, cores().min(MAX_THREADS))).max(1)
    }
}

/// A tunnel, for all who talk to its threads.
#[derive(Clone)]
pub(crate) struct Remote {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    silence: Duration,
}

impl Remote {
    pub(crate) fn configure(&self, wish: Wish) -> Result<(), TunnelError> {
        let (reply, answer) = sync_channel(1);
        let command = Command::Configure(Box::new(wish), reply);
        self.commands.send(command).map_err(|_| TunnelError::Lost)?;
        self.shared.wake_control();
        answer.recv().unwrap_or(Err(TunnelError::Lost))
    }

    pub(crate) fn config(&self) -> TunnelConfig {
        self.shared.device.tables().config.clone()
    }

    pub(crate) fn status(&self) -> TunnelStatus {
        TunnelStatus::of(&self.shared, self.silence, Instant::now())
    }

    fn rebind(&self) {
        // When many commands wait, it will be seen soon enough.
        let _ = self.commands.try_send(Command::Rebind);
        self.shared.wake_control();
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        self.shared.wake_control();
    }
}

/// A tunnel that runs. Dropping it ends it.
pub struct Tunnel {
    remote: Remote,
    threads: Vec<JoinHandle<()>>,
    control_socket: Option<ControlSocket>,
}

impl Tunnel {
    /// Opens the device in the network namespace of the caller and starts the threads, which stay in it. The device is down and has no
    /// address; nothing is sent until [`Self::configure`].
    ///
    /// # Errors
    /// No right, the name is taken by another kind of device, no control socket can be made.
    pub fn start(spec: TunnelSpec) -> Result<Self, TunnelError> {
        let threads = spec.threads();
        let device = |source| TunnelError::Device { name: spec.name.clone(), source };
        let queues = open_tun(&spec.name, threads).map_err(device)?;
        let first = &queues[0];
        first.set_persistent(spec.persistent).map_err(device)?;
        let name = first.name().map_err(device)?;
        let query = InterfaceQuery::new()?;
        let index = query.index(&name).map_err(device)?;
        let mtu = query.mtu(&name).map_err(device)?;
        let wakes = (0..threads).map(|_| event()).collect::<io::Result<Vec<_>>>()?;
        let control = Arc::new(event()?);
        let shared = Arc::new(Shared {
            device: Device::new(mtu),
            sockets: ArcSwap::from_pointee(Sockets::none(SocketState::Closed)),
            wakes,
            control: Arc::clone(&control),
            stop: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        });
        let (commands, receiver) = sync_channel(COMMANDS);
        let remote = Remote { shared: Arc::clone(&shared), commands, silence: spec.silence };
        let control_socket = match &spec.control_dir {
            Some(dir) => Some(ControlSocket::start(dir, &name, remote.clone())?),
            None => None,
        };
        let mut tunnel = Self { remote, threads: Vec::with_capacity(threads + 1), control_socket };
        let listener = spec.listener.unwrap_or_else(|| Box::new(|_| {}));
        let carrier = if spec.follow_peers { Some(first.carrier().map_err(device)?) } else { None };
        let mut control =
            Control::new(Arc::clone(&shared), receiver, control, index, (listener, spec.silence))?;
        control.carrier = carrier;
        tunnel.spawn("ferr-wg-control", move || control.run())?;
        for (i, queue) in queues.into_iter().enumerate() {
            let worker = Worker::new(i, Arc::clone(&shared), queue);
            tunnel.spawn("ferr-wg", move || worker.run())?;
        }
        Ok(tunnel)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), TunnelError> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Becomes what `config` says. What is the same as before is left alone: peers keep their sessions and where they are.
    ///
    /// # Errors
    /// The port is another's, or the mark is not permitted; then nothing has changed.
    pub fn configure(&self, config: &TunnelConfig) -> Result<(), TunnelError> {
        self.remote.configure(Wish { config: config.clone(), places: Vec::new(), by_hand: false })
    }

    /// What it is to be now, changes by `wg` included.
    pub fn config(&self) -> TunnelConfig {
        self.remote.config()
    }

    /// How it is.
    pub fn status(&self) -> TunnelStatus {
        self.remote.status()
    }

    /// The device of the outer sockets was made again; would be seen a little later anyway.
    pub fn rebind(&self) {
        self.remote.rebind();
    }

    /// Ends the tunnel. Its device goes too, unless it is persistent.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // First, so that nobody configures what ends.
        drop(self.control_socket.take());
        self.remote.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn event() -> io::Result<EventFd> {
    Ok(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?)
}
