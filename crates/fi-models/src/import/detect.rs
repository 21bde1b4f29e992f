//! Whose model a file is, told from its first bytes and, in JSON, from its outermost keys.

use super::Format;

/// What bytes look like; `None` if like nothing that is known.
///
/// What it answers need not be readable: the format's importer says what is wrong.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start = text.trim_ascii_start();
    if bytes.starts_with(b"fi\0model") {
        Some(Format::Fi)
    } else if is_safetensors(bytes) {
        // Before pickles and archives: the length in front may begin like one of those.
        Some(Format::Safetensors)
    } else if bytes.starts_with(b"binf") || bytes.starts_with(b"bs64") {
        Some(Format::XgboostBinary)
    } else if bytes.starts_with(b"CBM1") {
        Some(Format::CatboostBinary)
    } else if is_pickle(bytes) {
        Some(Format::Pickle)
    } else if is_compressed(bytes) {
        Some(Format::Compressed)
    } else if matches!(bytes, [b'{', b'i' | b'U' | b'I' | b'l' | b'L', ..]) {
        // In JSON, a quotation mark, a brace or white space would follow.
        Some(Format::XgboostUbjson)
    } else if start.starts_with(b"{") {
        json(start)
    } else if start.starts_with(b"[") {
        let head = &start[..start.len().min(256)];
        head.windows(8).any(|part| part == b"\"nodeid\"").then_some(Format::XgboostDump)
    } else if is_lightgbm(start) {
        Some(Format::Lightgbm)
    } else if is_onnx(bytes) {
        Some(Format::Onnx)
    } else {
        None
    }
}

/// The length of a header, at most 100 MB as the format says, and the brace that begins it.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    (2..=100_000_000).contains(&u64::from_le_bytes(*length)) && rest.first() == Some(&b'{')
}

/// A pickle of protocol 2 to 5 names it first; older ones start with what they import. Joblib
/// and `torch.save` write pickles too.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
        || [b"ccopy_reg\n".as_slice(), b"ccopyreg\n", b"c__builtin__\n", b"csklearn.", b"cxgboost."]
            .iter()
            .any(|import| bytes.starts_with(import))
}

/// zip (which skops and torch write), gzip, zlib, bzip2, xz, lz4, zstd.
fn is_compressed(bytes: &[u8]) -> bool {
    let starts = [
        b"PK\x03\x04".as_slice(),
        b"\x1F\x8B",
        b"\x78\x01",
        b"\x78\x5E",
        b"\x78\x9C",
        b"\x78\xDA",
        b"BZh",
        b"\xFD7zXZ\0",
        b"\x04\x22\x4D\x18",
        b"\x28\xB5\x2F\xFD",
    ];
    starts.iter().any(|start| bytes.starts_with(start))
}

fn is_lightgbm(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.next() == Some(b"tree") && lines.next().is_some_and(|line| line.starts_with(b"version="))
}

/// By the outermost keys, of which at most the first value is looked at.
fn json(text: &[u8]) -> Option<Format> {
    let mut depth = 0_usize;
    let mut at = 0;
    // The last text at depth 1, and the key before it if that was one.
    let mut last: &[u8] = b"";
    let mut key: &[u8] = b"";
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let length = text_length(&text[at + 1..])?;
                last = &text[at + 1..=at + length];
                at += length + 1;
                if depth == 1 && key == b"format" {
                    return (last == b"fi-scikit-learn-trees").then_some(Format::ScikitLearn);
                }
            }
            b':' if depth == 1 => {
                key = last;
                match key {
                    b"learner" => return Some(Format::XgboostJson),
                    b"features_info" | b"model_info" | b"oblivious_trees" | b"ctr_data"
                    | b"scale_and_bias" => return Some(Format::Catboost),
                    b"tree_info" | b"tree_sizes" => return Some(Format::LightgbmDump),
                    _ => {}
                }
            }
            b',' if depth == 1 => key = b"",
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// How long a text is whose quotation mark was read; `None` if it does not end.
fn text_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Whether bytes are outermost fields of ONNX's `ModelProto`, among them a graph.
fn is_onnx(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(tag) = varint(&mut rest) {
        // Of ModelProto: 1 to 3, 5, 7 versions and the graph, 8 operator sets, the others texts
        // and lists; numbers as varints (0), all else with its length (2).
        let (field, wire) = (tag >> 3, tag & 7);
        match (field, wire) {
            (7, 2) => return true,
            (1 | 5, 0) => {
                if varint(&mut rest).is_none() {
                    return false;
                }
            }
            (2 | 3 | 4 | 6 | 8 | 14 | 20 | 25 | 26, 2) => {
                let length = varint(&mut rest).and_then(|length| usize::try_from(length).ok());
                match length.and_then(|length| rest.get(length..)) {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
            _ => return false,
        }
    }
    false
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contents_tell_formats_apart() {
        let cases: [(&[u8], Option<Format>); 30] = [
            (b"fi\0model\x02", Some(Format::Fi)),
            (b"{\"learner\":{}}", Some(Format::XgboostJson)),
            (
                b"\xEF\xBB\xBF {\n \"version\": [1, {\"format\": 1}], \"learner\": {",
                Some(Format::XgboostJson),
            ),
            (b"{L\0\0\0\0\0\0\0\x07learner{", Some(Format::XgboostUbjson)),
            (b"binf\0\0\0?", Some(Format::XgboostBinary)),
            (b"[\n { \"nodeid\": 0, \"depth\": 0", Some(Format::XgboostDump)),
            (b"tree\nversion=v4\nnum_class=1", Some(Format::Lightgbm)),
            (b"tree\r\nversion=v3\r\n", Some(Format::Lightgbm)),
            (b"tree\nof life", None),
            (b"{\"name\":\"tree\",\"tree_info\":[]", Some(Format::LightgbmDump)),
            (b"{\"features_info\":{}", Some(Format::Catboost)),
            (b"{\"oblivious_trees\":[", Some(Format::Catboost)),
            (b"CBM1\0\0", Some(Format::CatboostBinary)),
            (b"{\"format\": \"fi-scikit-learn-trees\", \"", Some(Format::ScikitLearn)),
            (
                b"{\"trees\": [{\"format\": 3}], \"format\":\"fi-scikit-learn-trees\"}",
                Some(Format::ScikitLearn),
            ),
            (b"{\"format\": \"learner\", \"learner\": 1}", None),
            (b"{\"a\": {\"learner\": 1}, \"b\": \"learner\"}", None),
            (b"{\"a\\\": \\\\\": \"learner\\\"\"}", None),
            (b"{}", None),
            (b"\x08\x0a\x12\x08skl2onnx\x3a\x05", Some(Format::Onnx)),
            (b"\x3a\xff\x01", Some(Format::Onnx)),
            (b"\x08\x0a\x12\x7f", None),
            (b"\x50\0\0\0\0\0\0\0{\"", Some(Format::Safetensors)),
            // 640 and 376 bytes, which begin like a pickle and like zlib.
            (b"\x80\x02\0\0\0\0\0\0{\"", Some(Format::Safetensors)),
            (b"\x78\x01\0\0\0\0\0\0{\"", Some(Format::Safetensors)),
            (b"\x50\0\0\0\0\0\0\x01{\"", None),
            (b"\x80\x04\x95", Some(Format::Pickle)),
            (b"PK\x03\x04", Some(Format::Compressed)),
            (b"\x1F\x8B\x08", Some(Format::Compressed)),
            (b"", None),
        ];
        for (bytes, format) in cases {
            assert_eq!(detect(bytes), format, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            start in prop::sample::select(vec!["", "{", "{\"", "\u{8}\u{1}", "[{", "{\"a\":{\"b\\"]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = detect(&[start.as_bytes(), &rest].concat());
        }
    }
}
