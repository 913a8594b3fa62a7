//! A BGP speaker of a few lines that does what no real one does: it can stop reading, or send any bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ferr_testnet::{Error, Host};
use socket2::{Domain, Socket, Type};

/// A session that has been opened.
#[derive(Debug)]
pub struct Speaker {
    /// The connection.
    pub stream: TcpStream,
}

/// A message with its header.
#[must_use]
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    let len = u16::try_from(19 + body.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    out
}

/// An OPEN with a hold time of 90 s and the capability for 4-octet AS numbers.
#[must_use]
pub fn open(asn: u16, router_id: Ipv4Addr) -> Vec<u8> {
    open_with_hold(asn, router_id, 90)
}

fn open_with_hold(asn: u16, router_id: Ipv4Addr, hold: u16) -> Vec<u8> {
    let mut body = vec![4];
    body.extend_from_slice(&asn.to_be_bytes());
    body.extend_from_slice(&hold.to_be_bytes());
    body.extend_from_slice(&router_id.octets());
    body.extend_from_slice(&[8, 2, 6, 65, 4, 0, 0]);
    body.extend_from_slice(&asn.to_be_bytes());
    message(1, &body)
}

impl Speaker {
    /// Connects from `host` to port 179 of `to` and exchanges OPEN and KEEPALIVE. `receive_buffer` bytes of the answers
    /// fit before the other side has to wait.
    pub fn establish(host: &Host, to: SocketAddr, asn: u16) -> Result<Self, Error> {
        let stream = host.wait(20, format!("a connection to {to}"), || {
            let connected = host.netns().enter(|| TcpStream::connect_timeout(&to, Duration::from_secs(1)));
            connected.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
        })?;
        Self::open(stream, &open(asn, Ipv4Addr::new(10, 0, 0, 9)))
    }

    /// The same from the address `from`, which is its router id too, with a hold time in seconds. No more than about
    /// `receive_buffer` octets, where given, fit before the other side has to wait.
    pub fn establish_from(
        host: &Host,
        (from, to): (Ipv4Addr, SocketAddr),
        (asn, hold): (u16, u16),
        receive_buffer: Option<usize>,
    ) -> Result<Self, Error> {
        let connect = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            receive_buffer.map_or(Ok(()), |size| socket.set_recv_buffer_size(size))?;
            socket.bind(&SocketAddr::new(from.into(), 0).into())?;
            socket.connect_timeout(&to.into(), Duration::from_secs(1))?;
            Ok::<_, std::io::Error>(TcpStream::from(socket))
        };
        let stream = host.wait(20, format!("a connection from {from} to {to}"), || {
            host.netns().enter(connect).map_err(|e| e.to_string())?.map_err(|e| e.to_string())
        })?;
        Self::open(stream, &open_with_hold(asn, from, hold))
    }

    fn open(stream: TcpStream, open: &[u8]) -> Result<Self, Error> {
        stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(Error::io("socket"))?;
        let mut speaker = Self { stream };
        speaker.send(open)?;
        speaker.expect(1)?;
        speaker.send(&message(4, &[]))?;
        speaker.expect(4)?;
        Ok(speaker)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).map_err(Error::io("sending to the daemon"))
    }

    /// Reads one message: its type and body.
    pub fn receive(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let mut header = [0_u8; 19];
        self.stream.read_exact(&mut header).map_err(Error::io("reading a header"))?;
        let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let mut body = vec![0; len.saturating_sub(19)];
        self.stream.read_exact(&mut body).map_err(Error::io("reading a body"))?;
        Ok((header[18], body))
    }

    /// Reads messages until one of type `kind` comes; gives its body.
    pub fn expect(&mut self, kind: u8) -> Result<Vec<u8>, Error> {
        loop {
            match self.receive()? {
                (seen, body) if seen == kind => return Ok(body),
                (3, body) => {
                    return Err(Error::Answer {
                        what: "daemon".to_owned(),
                        text: format!("NOTIFICATION {body:?}"),
                    });
                }
                _ => {}
            }
        }
    }
}
