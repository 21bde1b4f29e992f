//! Models as bytes: the only file that names bincode.
//!
//! bincode has no maintainer any more: what it writes is described beside [`store`](super), so
//! that another reader can take its place.

use bincode::config::{self, Config};
use bincode::error::DecodeError;
use bincode::serde::{decode_from_slice, encode_to_vec};
use fi_core::guards::RowHashes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::version1::OldTrees;
use super::version2::OldNetwork;
use super::{Error, Stored};
use crate::fitted::Fitted;
use crate::linear::LinearModel;
use crate::network::Network;
use crate::standardize::Scaler;
use crate::tree::Trees;

const MAGIC: &[u8; 8] = b"fi\0model";
pub(super) const VERSION: u32 = 5;
/// The header's length: magic, version, length of the payload, checksum.
pub(super) const HEADER: usize = 8 + 4 + 8 + 32;
/// The largest payload.
pub(super) const LARGEST: usize = 1 << 30;

/// Why bytes are no model.
pub(super) enum Problem {
    NotAModel,
    Version(u32),
    Damaged(String),
}

/// What is written, borrowed. The order of variants and fields is the format.
#[derive(Serialize)]
struct Payload<'a> {
    model: Kind<'a>,
    feature_names: &'a [String],
    class_names: Option<&'a [String]>,
    scaler: Option<&'a Scaler>,
    /// Since version 4.
    training_rows: Option<&'a RowHashes>,
    /// Since version 5.
    categories: &'a [(String, Vec<String>)],
}

#[derive(Serialize)]
enum Kind<'a> {
    Trees(&'a Trees),
    Linear(&'a LinearModel),
    Network(&'a Network),
}

/// What is read, owned; the same layout as [`Payload`] without what versions 4 and 5 added.
#[derive(Deserialize)]
struct OwnedPayload<T, N> {
    model: OwnedKind<T, N>,
    feature_names: Vec<String>,
    class_names: Option<Vec<String>>,
    scaler: Option<Scaler>,
}

#[derive(Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one model at a time")]
enum OwnedKind<T, N> {
    Trees(T),
    Linear(LinearModel),
    Network(N),
}

/// Header and payload.
pub(super) fn encode(stored: &Stored) -> Result<Vec<u8>, Error> {
    let model = match &stored.model {
        Fitted::Trees(trees) => Kind::Trees(trees),
        Fitted::Linear(model) => Kind::Linear(model),
        Fitted::Network(network) => Kind::Network(network),
        #[cfg(feature = "onnx")]
        Fitted::Graph(_) => return Err(Error::BlackBox),
        Fitted::BlackBox(_) => return Err(Error::BlackBox),
    };
    let payload = Payload {
        model,
        feature_names: &stored.feature_names,
        class_names: stored.class_names.as_deref(),
        scaler: stored.scaler.as_ref(),
        training_rows: stored.training_rows.as_ref(),
        categories: &stored.categories,
    };
    let payload = encode_to_vec(&payload, config::standard()).map_err(fi_core::Error::model)?;
    if payload.len() > LARGEST {
        return Err(Error::TooLarge { bytes: payload.len() });
    }
    Ok(seal(VERSION, &payload))
}

/// Puts the header in front of a payload.
pub(super) fn seal(version: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    let checksum = checksum(&bytes, payload);
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(payload);
    bytes
}

fn checksum(front: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(front).chain_update(payload).finalize().into()
}

/// The model in these bytes, not checked yet.
pub(super) fn decode(bytes: &[u8]) -> Result<Stored, Problem> {
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        // A beginning of the mark is a model cut off, anything else is no model.
        let start = MAGIC.starts_with(bytes);
        return Err(if start { cut_off(bytes.len()) } else { Problem::NotAModel });
    };
    if magic != MAGIC {
        return Err(Problem::NotAModel);
    }
    let parts = rest.split_first_chunk::<4>().and_then(|(version, rest)| {
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (sum, payload) = rest.split_first_chunk::<32>()?;
        Some((u32::from_le_bytes(*version), u64::from_le_bytes(*length), sum, payload))
    });
    let Some((version, length, sum, payload)) = parts else {
        return Err(cut_off(bytes.len()));
    };
    if !(1..=VERSION).contains(&version) {
        return Err(Problem::Version(version));
    }
    if length != payload.len() as u64 {
        return Err(Problem::Damaged(format!(
            "its header says that {length} bytes follow, but {} do",
            payload.len()
        )));
    }
    if checksum(&bytes[..20], payload) != *sum {
        return Err(Problem::Damaged("its checksum does not fit its content".into()));
    }
    let trees = |trees: OldTrees| {
        let what = "its trees do not hold together".to_owned();
        trees.into_trees().ok_or(Problem::Damaged(what))
    };
    // A sentence of the network's own check, as reading today's networks gives it.
    let network = |network: OldNetwork| {
        network.into_network().map_err(|error| Problem::Damaged(error.to_string()))
    };
    match version {
        1 => decode_payload::<OwnedPayload<_, _>>(payload)?.with(trees, network),
        2 => decode_payload::<OwnedPayload<_, _>>(payload)?.with(Ok, network),
        3 => decode_payload::<OwnedPayload<_, _>>(payload)?.with(Ok, Ok),
        4 => {
            let (model, training_rows): (Newest, _) = decode_payload(payload)?;
            Ok(Stored { training_rows, ..model.with(Ok, Ok)? })
        }
        _ => {
            let (model, training_rows, categories): (Newest, _, _) = decode_payload(payload)?;
            Ok(Stored { training_rows, categories, ..model.with(Ok, Ok)? })
        }
    }
}

/// Today's models, without what versions 4 and 5 added.
type Newest = OwnedPayload<Trees, Network>;

impl<T, N> OwnedPayload<T, N> {
    /// The model, once today's trees and networks have been made of those in the file.
    fn with(
        self,
        trees: impl Fn(T) -> Result<Trees, Problem>,
        network: impl Fn(N) -> Result<Network, Problem>,
    ) -> Result<Stored, Problem> {
        let model = match self.model {
            OwnedKind::Trees(found) => Fitted::Trees(trees(found)?),
            OwnedKind::Linear(model) => Fitted::Linear(model),
            OwnedKind::Network(found) => Fitted::Network(network(found)?),
        };
        let Self { feature_names, class_names, scaler, .. } = self;
        let (training_rows, categories) = (None, Vec::new());
        Ok(Stored { model, feature_names, class_names, scaler, training_rows, categories })
    }
}

fn cut_off(length: usize) -> Problem {
    Problem::Damaged(format!("it ends after {length} bytes, within its header"))
}

/// Decodes with a limit near the payload's size, whatever lengths the payload claims.
fn decode_payload<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Problem> {
    const SMALL: usize = 1 << 20;
    const MEDIUM: usize = 1 << 26;
    // bincode takes its limit as a constant. It counts decoded bytes, of which a varint has up
    // to 8 per byte of payload.
    if payload.len() <= SMALL {
        decode_within(payload, config::standard().with_limit::<{ 10 * SMALL }>())
    } else if payload.len() <= MEDIUM {
        decode_within(payload, config::standard().with_limit::<{ 10 * MEDIUM }>())
    } else {
        decode_within(payload, config::standard().with_limit::<{ LARGEST.saturating_mul(10) }>())
    }
}

fn decode_within<T: DeserializeOwned>(payload: &[u8], config: impl Config) -> Result<T, Problem> {
    match decode_from_slice::<T, _>(payload, config) {
        Ok((_, read)) if read != payload.len() => {
            Err(Problem::Damaged(format!("{} bytes follow the model", payload.len() - read)))
        }
        Ok((decoded, _)) => Ok(decoded),
        Err(DecodeError::OtherString(sentence)) => Err(Problem::Damaged(sentence)),
        Err(_) => Err(Problem::Damaged("its content is not that of a model".into())),
    }
}
