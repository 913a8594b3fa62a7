//! The kernel's routes as `ip -j route` tells them.

use serde_json::Value;

use crate::Error;

/// One route of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// Prefix as `ip` prints it: a host route without length, `default` for the zero prefix.
    pub destination: String,
    /// Name or number of the protocol (`kernel`, `bgp`, `186`, ...).
    pub protocol: String,
    /// Gateways, in order; empty on a link route.
    pub gateways: Vec<String>,
    /// Interfaces, in order.
    pub interfaces: Vec<String>,
    /// Metric, 0 when none is shown.
    pub metric: u64,
    /// `unicast`, `blackhole`, `unreachable`, ...
    pub kind: String,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn gateway(value: &Value) -> Option<String> {
    text(value, "gateway").or_else(|| value.get("via").and_then(|via| text(via, "host")))
}

/// Reads the output of `ip -j route`.
pub(crate) fn parse(json: &str) -> Result<Vec<KernelRoute>, Error> {
    let unexpected =
        || Error::Answer { what: "ip -j route".to_owned(), text: json.chars().take(200).collect() };
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_str(json).map_err(|_| unexpected())?;
    let list = value.as_array().ok_or_else(unexpected)?;
    list.iter()
        .map(|route| {
            let hops = route.get("nexthops").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let each = || std::iter::once(route).chain(hops);
            Ok(KernelRoute {
                destination: text(route, "dst").ok_or_else(unexpected)?,
                protocol: text(route, "protocol").unwrap_or_default(),
                gateways: each().filter_map(gateway).collect(),
                interfaces: each().filter_map(|hop| text(hop, "dev")).collect(),
                metric: route.get("metric").and_then(Value::as_u64).unwrap_or(0),
                kind: text(route, "type").unwrap_or_else(|| "unicast".to_owned()),
            })
        })
        .collect()
}
