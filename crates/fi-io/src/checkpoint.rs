//! The finished work of a call as a file: what a crash, or a night, does not take away.
//!
//! ```text
//! "fi\0check"   version: u32   length of the rest: u64   SHA-256 of all but itself   the rest
//! ```
//!
//! The rest, like all numbers little-endian: the fingerprint (`u32` pairs of texts, each a `u32`
//! length and UTF-8), the answers (`u64` of them: task, length, numbers), the moments (`u32` of
//! them, each `u64` nodes: first, n, and twice a length with numbers). Numbers are bits, so that NaN
//! and infinities come back too.
#![expect(
    clippy::disallowed_types,
    reason = "how often to write is a question of time, no result is"
)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fi_core::{Checkpoint, Keeper, Moments, MomentsNode};
use sha2::{Digest as _, Sha256};

use crate::atomic::write_atomic;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"fi\0check";
/// Raised whenever a reader of the version before would misread the file.
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 32;
/// The largest file.
const LARGEST: u64 = 1 << 30;
/// Writing takes at most this share of the time.
const SHARE: u32 = 20;

/// A file that keeps a call's finished work, and from which a later call goes on.
///
/// It is written after a batch, as often as writing takes no more than a twentieth of the time, and
/// when the call is over. It appears whole or not at all, so a crash loses what was finished since.
///
/// # Example
///
/// ```
/// use fi_core::{Function, Players, Removal, Run, shapley};
/// use ndarray::{ArrayView2, array};
///
/// let folder = tempfile::tempdir()?;
/// let file = fi_io::CheckpointFile::new(folder.path().join("shap.check"));
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.dot(&array![[3.0], [-1.0]]));
/// let players = Players::features(["a", "b"])?;
/// let removal = Removal::baseline(vec![0.0; 2])?;
/// let rows = array![[5.0, 2.0], [1.0, 1.0]];
///
/// let run = Run::new(0).with_keeper(&file);
/// let explain = || shapley::explain(&run, &shapley::Exact, &model, rows.view(), &players, &removal);
/// let first = explain()?;
/// // Nothing is left to do.
/// assert_eq!(explain()?, first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    /// Not before this is it written again.
    next: Mutex<Option<Instant>>,
}

impl CheckpointFile {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), next: Mutex::new(None) }
    }
}

impl Keeper for CheckpointFile {
    fn begin(&self) -> fi_core::Result<Option<Checkpoint>> {
        let there = self.path.try_exists().unwrap_or(true);
        there.then(|| read_checkpoint(&self.path)).transpose().map_err(in_core)
    }

    fn keep(&self, finished: &Checkpoint, over: bool) -> fi_core::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Instant::now();
        if !over && next.is_some_and(|next| start < next) {
            return Ok(());
        }
        write_checkpoint(&self.path, finished).map_err(in_core)?;
        let pause: Duration = start.elapsed() * SHARE;
        *next = Some(Instant::now() + pause);
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn in_core(error: Error) -> fi_core::Error {
    fi_core::Error::Data(error.to_string())
}

/// Writes a checkpoint.
///
/// # Errors
///
/// [`Error::Unwritable`] for one of more than 1 GiB; [`Error::System`] if the file cannot be written.
pub fn write_checkpoint(path: impl AsRef<Path>, checkpoint: &Checkpoint) -> Result<()> {
    let path = path.as_ref();
    let payload = encode(checkpoint);
    if payload.len() as u64 > LARGEST - HEADER as u64 {
        let problem =
            "the checkpoint is larger than 1 GiB, score fewer features at once".to_owned();
        return Err(Error::Unwritable { file: path.display().to_string(), problem });
    }
    let front = front(VERSION, &payload);
    write_atomic(path, |file| {
        file.write_all(&front)?;
        file.write_all(&checksum(&front, &payload))?;
        file.write_all(&payload)
    })
}

/// Reads what [`write_checkpoint`] or a [`CheckpointFile`] wrote.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for another kind of file, another version, or a damaged
/// file.
pub fn read_checkpoint(path: impl AsRef<Path>) -> Result<Checkpoint> {
    let path = path.as_ref();
    let read = |source| Error::read(path, source);
    let file = std::fs::File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(read)?;
    decode(&bytes).map_err(|problem| Error::content(&path.display().to_string(), problem))
}

fn front(version: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [&MAGIC[..], &version.to_le_bytes(), &length].concat()
}

fn checksum(front: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(front).chain_update(payload).finalize().into()
}

fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    let numbers = |bytes: &mut Vec<u8>, numbers: &[f64]| {
        bytes.extend((numbers.len() as u64).to_le_bytes());
        bytes.extend(numbers.iter().flat_map(|number| number.to_bits().to_le_bytes()));
    };
    bytes.extend((checkpoint.fingerprint.len() as u32).to_le_bytes());
    for (name, value) in &checkpoint.fingerprint {
        text(&mut bytes, name);
        text(&mut bytes, value);
    }
    bytes.extend((checkpoint.answers.len() as u64).to_le_bytes());
    for (task, answer) in &checkpoint.answers {
        bytes.extend(task.to_le_bytes());
        numbers(&mut bytes, answer);
    }
    bytes.extend((checkpoint.moments.len() as u32).to_le_bytes());
    for moments in &checkpoint.moments {
        bytes.extend((moments.nodes.len() as u64).to_le_bytes());
        for node in &moments.nodes {
            bytes.extend(node.first.to_le_bytes());
            bytes.extend(node.n.to_le_bytes());
            numbers(&mut bytes, &node.mean);
            numbers(&mut bytes, &node.squares);
        }
    }
    bytes
}

/// Why these bytes are no checkpoint, as a sentence.
fn decode(bytes: &[u8]) -> std::result::Result<Checkpoint, &'static str> {
    const CUT_OFF: &str = "the checkpoint is cut off, begin without it";
    const DAMAGED: &str = "the checkpoint is damaged, begin without it";
    if bytes.len() as u64 > LARGEST {
        return Err("this is larger than any checkpoint of fi's, which have at most 1 GiB");
    }
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let start = !bytes.is_empty() && MAGIC.starts_with(bytes);
        return Err(if start { CUT_OFF } else { "this is no checkpoint of fi's" });
    };
    let mut rest = Bytes(rest);
    let version = rest.u32().ok_or(CUT_OFF)?;
    if version != VERSION {
        return Err("the checkpoint is of another version of fi, begin without it");
    }
    let length = rest.u64().ok_or(CUT_OFF)?;
    let sum = rest.take(32).ok_or(CUT_OFF)?;
    let payload = rest.0;
    if (payload.len() as u64) < length {
        return Err(CUT_OFF);
    }
    // The checksum covers the length, so a longer file is damaged.
    if length != payload.len() as u64 || checksum(&bytes[..HEADER - 32], payload) != *sum {
        return Err(DAMAGED);
    }
    let mut rest = Bytes(payload);
    let checkpoint = rest.checkpoint().ok_or(DAMAGED)?;
    if rest.0.is_empty() { Ok(checkpoint) } else { Err(DAMAGED) }
}

/// Bytes that are read from the front; `None` where they end too soon. No length is believed
/// before as many bytes are there.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let n = self.u32()? as usize;
        Some(std::str::from_utf8(self.take(n)?).ok()?.to_owned())
    }

    fn numbers(&mut self) -> Option<Vec<f64>> {
        let n = usize::try_from(self.u64()?).ok()?;
        let bytes = self.take(n.checked_mul(8)?)?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(f64::from_le_bytes);
        bytes.chunks_exact(8).map(number).collect()
    }

    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let mut checkpoint = Checkpoint::default();
        for _ in 0..self.u32()? {
            checkpoint.fingerprint.push((self.text()?, self.text()?));
        }
        let mut answers = BTreeMap::new();
        for _ in 0..self.u64()? {
            // A task that comes twice, or too soon, was written by no one.
            let task = self.u64()?;
            if answers.last_key_value().is_some_and(|(&last, _)| task <= last) {
                return None;
            }
            answers.insert(task, self.numbers()?);
        }
        checkpoint.answers = answers;
        for _ in 0..self.u32()? {
            let mut moments = Moments::default();
            for _ in 0..self.u64()? {
                let (first, n) = (self.u64()?, self.u64()?);
                let (mean, squares) = (self.numbers()?, self.numbers()?);
                moments.nodes.push(MomentsNode { first, n, mean, squares });
            }
            checkpoint.moments.push(moments);
        }
        Some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checkpoint() -> Checkpoint {
        let fingerprint = [("method", "LOFO"), ("seed", "42"), ("rows", "é")];
        let node = |first, n, mean: &[f64]| MomentsNode {
            first,
            n,
            mean: mean.to_vec(),
            squares: if n == 1 { Vec::new() } else { mean.to_vec() },
        };
        Checkpoint {
            fingerprint: fingerprint.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec(),
            answers: BTreeMap::from([
                (0, vec![1.5, f64::NEG_INFINITY]),
                (1, vec![-0.0, f64::MIN_POSITIVE]),
                (7, vec![]),
            ]),
            moments: vec![
                Moments { nodes: vec![node(0, 2, &[0.1, 0.2]), node(7, 1, &[1e300])] },
                Moments::default(),
            ],
        }
    }

    fn sealed(payload: &[u8]) -> Vec<u8> {
        let front = front(VERSION, payload);
        [&front[..], &checksum(&front, payload), payload].concat()
    }

    #[test]
    fn a_file_brings_back_every_bit() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile::new(folder.path().join("a.check"));
        assert_eq!(file.begin().unwrap(), None);
        file.keep(&checkpoint(), false).unwrap();
        assert_eq!(file.begin().unwrap(), Some(checkpoint()));
        // Too soon for another write, until the call is over.
        *file.next.lock().unwrap() = Some(Instant::now() + Duration::from_secs(1000));
        file.keep(&Checkpoint::default(), false).unwrap();
        assert_eq!(file.begin().unwrap(), Some(checkpoint()));
        file.keep(&Checkpoint::default(), true).unwrap();
        assert_eq!(file.begin().unwrap(), Some(Checkpoint::default()));
        let nan = Checkpoint { answers: BTreeMap::from([(3, vec![f64::NAN])]), ..checkpoint() };
        let bytes = sealed(&encode(&nan));
        assert_eq!(sealed(&encode(&decode(&bytes).unwrap())), bytes);
    }

    #[test]
    fn each_bad_file_gets_its_own_sentence() {
        let whole = sealed(&encode(&checkpoint()));
        for len in 1..whole.len() {
            let problem = decode(&whole[..len]).unwrap_err();
            assert_eq!(problem, "the checkpoint is cut off, begin without it", "{len}");
        }
        assert_eq!(decode(b"").unwrap_err(), "this is no checkpoint of fi's");
        assert_eq!(decode(b"feature,importance\n").unwrap_err(), "this is no checkpoint of fi's");
        let damaged = "the checkpoint is damaged, begin without it";
        for place in 20..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            assert_eq!(decode(&bytes).unwrap_err(), damaged, "{place}");
        }
        assert_eq!(decode(&[&whole[..], b"\0"].concat()).unwrap_err(), damaged);
        let mut newer = whole.clone();
        newer[8] = 2;
        let problem = "the checkpoint is of another version of fi, begin without it";
        assert_eq!(decode(&newer).unwrap_err(), problem);
        // A checksum that fits does not make lengths true, or tasks ascend.
        let lies: [&[u8]; 4] = [
            &u32::MAX.to_le_bytes(),
            &[&[0; 4][..], &u64::MAX.to_le_bytes()].concat(),
            &[&[0; 4][..], &1_u64.to_le_bytes(), &[0; 8], &u64::MAX.to_le_bytes()].concat(),
            &[&[0; 4][..], &2_u64.to_le_bytes(), &[0; 36]].concat(),
        ];
        for payload in lies {
            assert_eq!(decode(&sealed(payload)).unwrap_err(), damaged, "{payload:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.check");
        std::fs::write(&path, &whole[..40]).unwrap();
        let text = CheckpointFile::new(&path).begin().unwrap_err().to_string();
        assert!(text.ends_with("b.check`: the checkpoint is cut off, begin without it"), "{text}");
        let nowhere = CheckpointFile::new(folder.path().join("no").join("b.check"));
        let text = nowhere.keep(&checkpoint(), true).unwrap_err().to_string();
        assert!(text.contains("b.check` could not be written: "), "{text}");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_hostile(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Any answer is fine; a panic or a huge allocation is not.
            let _ = Bytes(&bytes).checkpoint();
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
