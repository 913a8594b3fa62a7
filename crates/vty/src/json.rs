//! JSON of FRR's form: two blanks per level, no blank behind the colon, empty containers over two lines.

mod plain;

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

pub(crate) use self::plain::Plain;

struct Frr {
    depth: usize,
    filled: bool,
}

impl Frr {
    fn indent<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"\n")?;
        self.indent(writer)?;
        self.filled = true;
        writer.write_all(bracket)
    }

    fn item<W: ?Sized + io::Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"\n" } else { b",\n" })?;
        self.indent(writer)
    }
}

impl Formatter for Frr {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b":")
    }
}

/// Text of a value whose opening bracket stands at level `depth`, without a line end.
pub(crate) fn pretty_at(value: &impl Serialize, depth: usize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Frr { depth, filled: false });
    // Strings and numbers in memory cannot fail to serialize.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Text of a value with a line end.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = pretty_at(value, 0);
    text.push('\n');
    text
}

/// An object under construction; keys keep their order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Obj(Map<String, Value>);

impl Obj {
    /// An empty object.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub(crate) fn put(&mut self, key: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// Sets a key when there is a value.
    pub(crate) fn opt(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    /// `true` when it holds, else nothing.
    pub(crate) fn flag(&mut self, key: &str, holds: bool) -> &mut Self {
        self.opt(key, holds.then_some(true))
    }

    /// Takes over the keys of another one.
    pub(crate) fn extend(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Text of its own, with a line end.
    pub(crate) fn pretty(self) -> String {
        pretty(&self.into())
    }
}

impl From<Obj> for Value {
    fn from(obj: Obj) -> Self {
        Self::Object(obj.0)
    }
}

/// What an object is built through, kept ([`Obj`]) or written at once ([`Compact`]).
pub(crate) trait Fields {
    /// Sets a key to a text.
    fn text(&mut self, key: &'static str, value: &str);
    /// Sets a key to one of our own words, which need no escapes.
    fn word(&mut self, key: &'static str, value: &'static str);
    /// `true` when it holds, else nothing.
    fn holds(&mut self, key: &'static str, holds: bool);
}

impl Fields for Obj {
    fn text(&mut self, key: &'static str, value: &str) {
        self.put(key, value);
    }

    fn word(&mut self, key: &'static str, value: &'static str) {
        self.put(key, value);
    }

    fn holds(&mut self, key: &'static str, holds: bool) {
        self.flag(key, holds);
    }
}

/// An object written into a text as it grows, without blanks: a large table is millions of values, and keeping each for a moment takes
/// longer than all the rest.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    out: &'a mut String,
    filled: bool,
}

impl<'a> Compact<'a> {
    /// Opens an object.
    pub(crate) fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, filled: false }
    }

    /// Closes it.
    pub(crate) fn close(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &'static str) {
        if self.filled {
            self.out.push(',');
        }
        self.filled = true;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    /// Sets a key to a number.
    pub(crate) fn number(&mut self, key: &'static str, value: u32) {
        self.key(key);
        value.write(self.out);
    }

    /// Sets a key to a text that needs no escapes: an address, a prefix, a path.
    pub(crate) fn plain(&mut self, key: &'static str, value: impl Plain) {
        self.key(key);
        self.out.push('"');
        value.write(self.out);
        self.out.push('"');
    }

    /// Sets a key to a list of objects.
    pub(crate) fn objects<T>(
        &mut self,
        key: &'static str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Compact<'_>, T),
    ) {
        self.key(key);
        self.out.push('[');
        for (n, item) in items.into_iter().enumerate() {
            if n > 0 {
                self.out.push(',');
            }
            let mut object = Compact::open(self.out);
            fill(&mut object, item);
            object.close();
        }
        self.out.push(']');
    }
}

impl Fields for Compact<'_> {
    fn text(&mut self, key: &'static str, value: &str) {
        if value.bytes().any(|b| b < 0x20 || matches!(b, b'"' | b'\\')) {
            self.key(key);
            self.out.push_str(&Value::from(value).to_string());
        } else {
            self.plain(key, value);
        }
    }

    fn word(&mut self, key: &'static str, value: &'static str) {
        self.plain(key, value);
    }

    fn holds(&mut self, key: &'static str, holds: bool) {
        if holds {
            self.key(key);
            self.out.push_str("true");
        }
    }
}

#[cfg(test)]
mod tests;
