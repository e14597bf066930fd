//! The few messages of Prometheus' protobuf format (`io.prometheus.client`) that a test needs: the text formats carry no
//! native histograms.
//!
//! Field numbers are those of `metrics.proto`. It knows nothing of what the figures mean.

const COUNTER: u64 = 0;
const HISTOGRAM: u64 = 4;

/// A counter with one series.
pub(crate) fn counter(name: &str, total: u64, at_milliseconds: i64) -> Vec<u8> {
    let value = double(1, total as f64);
    family(
        name,
        COUNTER,
        &[bytes(3, &value), integer(6, at_milliseconds as u64)].concat(),
    )
}

/// A native histogram of schema 0 with one series and two neighbouring buckets from `first` on.
pub(crate) fn histogram(name: &str, (first, [one, other]): (i64, [u64; 2]), at_milliseconds: i64) -> Vec<u8> {
    let span = [integer(1, zigzag(first)), integer(2, 2)].concat();
    let histogram = [
        integer(1, one + other),
        double(2, (one + other) as f64 / 5.0),
        integer(5, zigzag(0)),
        double(6, 1e-38),
        integer(7, 0),
        bytes(12, &span),
        // Counts are told as differences.
        integer(13, zigzag(one as i64)),
        integer(13, zigzag(other as i64 - one as i64)),
    ]
    .concat();
    family(
        name,
        HISTOGRAM,
        &[bytes(7, &histogram), integer(6, at_milliseconds as u64)].concat(),
    )
}

fn family(name: &str, kind: u64, metric: &[u8]) -> Vec<u8> {
    let family = [bytes(1, name.as_bytes()), integer(3, kind), bytes(4, metric)].concat();
    [varint(family.len() as u64), family].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn integer(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [varint(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}
