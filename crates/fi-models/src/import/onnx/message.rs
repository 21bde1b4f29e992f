//! The parts of ONNX's protobuf messages that tree ensembles need, by their field numbers.
//!
//! Fields that are not here are skipped.

use prost::Message;

use crate::import::Problem;

/// Numbers of ONNX's types of elements.
pub(super) const FLOAT: i32 = 1;
pub(super) const DOUBLE: i32 = 11;
const BYTE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(super) ir_version: i64,
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int64, tag = "3")]
    pub(super) i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<TensorProto>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub(super) floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(super) strings: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(super) float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub(super) int32_data: Vec<i32>,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub(super) double_data: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
}

impl TensorProto {
    /// The numbers, wherever they are written.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, Problem> {
        let raw = &self.raw_data;
        match self.data_type {
            FLOAT if raw.is_empty() => Ok(self.float_data.iter().copied().map(f64::from).collect()),
            DOUBLE if raw.is_empty() => Ok(self.double_data.clone()),
            FLOAT if raw.len().is_multiple_of(4) => {
                let four = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).unwrap_or_default();
                Ok(raw.chunks(4).map(|bytes| f64::from(f32::from_le_bytes(four(bytes)))).collect())
            }
            DOUBLE if raw.len().is_multiple_of(8) => {
                let eight = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).unwrap_or_default();
                Ok(raw.chunks(8).map(|bytes| f64::from_le_bytes(eight(bytes))).collect())
            }
            BYTE if raw.is_empty() => Ok(self.int32_data.iter().copied().map(f64::from).collect()),
            BYTE => Ok(raw.iter().copied().map(f64::from).collect()),
            FLOAT | DOUBLE => Err(Problem::Damaged(format!(
                "the tensor `{name}` has {} bytes, no whole number of elements",
                raw.len()
            ))),
            other => Err(Problem::Damaged(format!(
                "the tensor `{name}` has elements of type {other}, not floats or doubles"
            ))),
        }
    }
}
