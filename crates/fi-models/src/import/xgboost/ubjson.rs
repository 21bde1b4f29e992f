//! A serde `Deserializer` for UBJSON as XGBoost writes it.
//!
//! ```text
//! value   Z | T | F | i int8 | U uint8 | I int16 | l int32 | L int64 | d float32 | D float64
//!         | S length bytes | array | object                     all numbers big endian
//! array   [ value* ]  |  [ # length value*  |  [ $ type # length number*
//! object  { (length bytes value)* }                             a length is an integer value
//! ```
//!
//! A claimed length is compared with the bytes that are left before anything is made of it, and
//! nesting is bounded. Numbers are read one by one where they stand, in no list of their own.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Deeper than any model of XGBoost.
const MOST_NESTED: usize = 64;

/// What is wrong with the bytes.
#[derive(Debug)]
pub(super) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Reads one value from bytes that hold nothing else.
pub(super) fn from_slice<'de, T: serde::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader { bytes, at: 0, nested: 0 };
    let value = T::deserialize(&mut reader);
    let at = reader.at;
    let value = value.map_err(|Error(what)| Error(format!("{what} at byte {at}")))?;
    match bytes.len() - at {
        0 => Ok(value),
        left => Err(Error(format!("{left} bytes are left behind the model at byte {at}"))),
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    nested: usize,
}

impl<'de> Reader<'de> {
    fn take(&mut self, length: usize) -> Result<&'de [u8], Error> {
        let left = &self.bytes[self.at..];
        let Some(taken) = left.get(..length) else {
            let left = left.len();
            return Err(Error(format!("{length} bytes are claimed where {left} are left")));
        };
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn marker(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes the next byte if it is this one.
    fn follows(&mut self, marker: u8) -> bool {
        let follows = self.peek() == Some(marker);
        self.at += usize::from(follows);
        follows
    }

    fn integer(&mut self, marker: u8) -> Result<i64, Error> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(unknown(marker)),
        })
    }

    /// A length that so many bytes each can have.
    fn length(&mut self, bytes_each: usize) -> Result<usize, Error> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let left = self.bytes.len() - self.at;
        usize::try_from(length)
            .ok()
            .filter(|length| length.checked_mul(bytes_each).is_some_and(|bytes| bytes <= left))
            .ok_or_else(|| Error(format!("a length of {length} where {left} bytes are left")))
    }

    fn text(&mut self) -> Result<&'de str, Error> {
        let length = self.length(1)?;
        let text = self.take(length)?;
        std::str::from_utf8(text).map_err(|_| Error("a text that is not UTF-8".into()))
    }

    fn number<V: Visitor<'de>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, Error> {
        match marker {
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            _ => visitor.visit_i64(self.integer(marker)?),
        }
    }

    fn value<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.marker()? {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            marker @ (b'[' | b'{') => {
                self.nested += 1;
                if self.nested > MOST_NESTED {
                    return Err(Error(format!("more than {MOST_NESTED} lists are nested")));
                }
                let value = if marker == b'{' {
                    visitor.visit_map(Object { reader: self })?
                } else {
                    self.list(visitor)?
                };
                self.nested -= 1;
                Ok(value)
            }
            marker => self.number(marker, visitor),
        }
    }

    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let of = if self.follows(b'$') { Some(self.marker()?) } else { None };
        let bytes_each = match of {
            None | Some(b'i' | b'U') => 1,
            Some(b'I') => 2,
            Some(b'l' | b'd') => 4,
            Some(b'L' | b'D') => 8,
            Some(marker) => return Err(unknown(marker)),
        };
        let left = if self.follows(b'#') {
            Some(self.length(bytes_each)?)
        } else if of.is_some() {
            return Err(Error("a list of numbers without its length".into()));
        } else {
            None
        };
        let mut list = List { reader: self, of, left };
        let value = visitor.visit_seq(&mut list)?;
        match list.left {
            None if !list.reader.follows(b']') => Err(Error("a list that does not end".into())),
            Some(left) if left > 0 => Err(Error(format!("{left} more items than expected"))),
            _ => Ok(value),
        }
    }
}

fn unknown(marker: u8) -> Error {
    Error(format!("an unknown marker `{}`", marker.escape_ascii()))
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.follows(b'Z') { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A list: of values, or of numbers of one type.
struct List<'a, 'de> {
    reader: &'a mut Reader<'de>,
    of: Option<u8>,
    /// None: until the `]`.
    left: Option<usize>,
}

impl<'de> SeqAccess<'de> for &mut List<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None if self.reader.peek() == Some(b']') => return Ok(None),
            None => {}
        }
        match self.of {
            None => seed.deserialize(&mut *self.reader),
            Some(marker) => seed.deserialize(Number { reader: self.reader, marker }),
        }
        .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // The bytes of these numbers are there; a list of values says nothing of their size.
        self.left.filter(|_| self.of.is_some())
    }
}

/// A number whose marker stands elsewhere.
struct Number<'a, 'de> {
    reader: &'a mut Reader<'de>,
    marker: u8,
}

impl<'de> Deserializer<'de> for Number<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.number(self.marker, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Object<'a, 'de> {
    reader: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Object<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.reader.follows(b'}') {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }
}
