"""Parquet files of pyarrow and polars with columns of every kind that is read or refused.

requirements in requirements-parquet.txt; writes crates/fi-io/tests/golden/*.parquet.
"""
# requirements: requirements-parquet.txt

import datetime
import decimal
from pathlib import Path

import polars
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parents[2] / "crates/fi-io/tests/golden"
DAY = datetime.date(2024, 2, 29)


def every_kind():
    """Three rows of each type, the second one missing; the last column is a target."""
    whole = [1, None, 100]
    columns = {
        name: pa.array(whole, getattr(pa, name)())
        for name in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    }
    columns["most_uint32"] = pa.array([2**32 - 1, None, 0], pa.uint32())
    columns["least_int64"] = pa.array([-(2**62), None, 0], pa.int64())
    columns["most_uint64"] = pa.array([2**63, None, 0], pa.uint64())
    columns["float16"] = pa.array([0.5, None, -65504.0], pa.float32()).cast(pa.float16())
    columns["float32"] = pa.array([0.1, None, -1.5], pa.float32())
    columns["float64"] = pa.array([0.1, None, float("nan")], pa.float64())
    columns["bool"] = pa.array([True, None, False])
    columns["decimal"] = pa.array([decimal.Decimal("0.10"), None, decimal.Decimal("-12.34")], pa.decimal128(6, 2))
    columns["wide_decimal"] = pa.array(
        [decimal.Decimal("12345678901234567890.123456"), None, decimal.Decimal("-1")], pa.decimal128(38, 6)
    )
    columns["null"] = pa.nulls(3)
    columns["string"] = pa.array(["pear", None, "apple"])
    columns["large_string"] = pa.array(["b", None, "a"], pa.large_string())
    columns["dictionary"] = pa.array(["z", None, "a"]).dictionary_encode()
    columns["target"] = pa.array(["yes", "no", "yes"])
    return pa.table(columns)


def refused():
    """Columns that are no numbers, each beside one that is."""
    return pa.table(
        {
            "number": pa.array([1.0, 2.0]),
            "date": pa.array([DAY, DAY]),
            "time": pa.array([datetime.time(1), datetime.time(2)]),
            "timestamp": pa.array([datetime.datetime(2024, 1, 1)] * 2),
            "duration": pa.array([datetime.timedelta(1)] * 2),
            "binary": pa.array([b"\x00", b"\x01"]),
            "target": pa.array([0.5, 1.5]),
        }
    )


def main():
    pq.write_table(every_kind(), FOLDER / "every_kind.parquet", version="2.6")
    pq.write_table(refused(), FOLDER / "refused.parquet")
    nested = pa.table({"number": pa.array([1.0]), "list": pa.array([[1, 2]])})
    pq.write_table(nested, FOLDER / "nested.parquet")
    pq.write_table(every_kind().slice(0, 0), FOLDER / "no_rows.parquet")
    pq.write_table(pa.table({}), FOLDER / "no_columns.parquet")
    large = pa.table({"a": pa.array([1, 2**64 - 1], pa.uint64()), "y": pa.array([0.5, 1.5])})
    pq.write_table(large, FOLDER / "too_large.parquet")
    number = pa.array([1.0])
    pq.write_table(pa.Table.from_arrays([number, number], names=["a", "a"]), FOLDER / "double.parquet")
    rows = range(1000)
    several = polars.DataFrame(
        {
            "whole": list(rows),
            "half": [row / 2 if row % 7 else None for row in rows],
            "kind": polars.Series(["abc"[row % 3] for row in rows], dtype=polars.Categorical),
            "target": [row % 5 / 4 for row in rows],
        }
    )
    for codec in ["zstd", "snappy", "gzip", "lz4", "uncompressed"]:
        several.write_parquet(FOLDER / f"polars_{codec}.parquet", compression=codec, row_group_size=300)
    several.write_parquet(FOLDER / "polars_brotli.parquet", compression="brotli")
    pq.write_table(several.to_arrow(), FOLDER / "pages.parquet", data_page_version="2.0", data_page_size=256,
                   use_dictionary=False, column_encoding={"whole": "DELTA_BINARY_PACKED", "half": "BYTE_STREAM_SPLIT",
                                                          "target": "PLAIN", "kind": "DELTA_BYTE_ARRAY"})


if __name__ == "__main__":
    main()
