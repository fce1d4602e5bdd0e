//! Rows of a Parquet file as lines of JSON, a few at a time.

use std::fs::File;

use arrow::array::RecordBatch;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;

use crate::ffi::{guard, quietly, Str, Text};
use crate::meter::{self, metered, Budget, Task};
use crate::outcome::{blame_input, Outcome};
use crate::parquet_bytes::bytes_as_text;

/// Bytes per batch according to the file's metadata. Reading it may really take more: one value of 20 MB that a dictionary
/// gives to a million rows takes a kilobyte of the file.
const BATCH: u64 = 16 << 20;
const SECONDS: f64 = 60.0; // of processor time per batch

pub struct ParquetRows {
    path: String,
    budget: Budget,
    reader: ParquetRecordBatchReader,
}

#[repr(C)]
pub struct ParquetFile {
    rows: *mut ParquetRows,
    count: i64,
    columns: Text,
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("not a readable Parquet file ({error}); fetch it again")
}

/// Rows that take BATCH bytes together, in the row group whose rows are largest.
fn rows_of_batch(metadata: &ParquetMetaData, most: usize) -> usize {
    let largest = metadata
        .row_groups()
        .iter()
        .map(|g| g.total_byte_size().max(0) as u64 / g.num_rows().max(1) as u64)
        .max();
    let fitting = BATCH / largest.unwrap_or(0).max(1);
    usize::try_from(fitting)
        .unwrap_or(most)
        .clamp(1, most.max(1))
}

fn open(path: &str, batch: usize, bytes: usize) -> Outcome<ParquetFile> {
    let file = File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let count = builder.metadata().file_metadata().num_rows();
    let fields = builder.schema().fields();
    let names: Vec<&String> = fields.iter().map(|field| field.name()).collect();
    let columns = serde_json::to_string(&names).map_err(damaged)?;
    let batch = rows_of_batch(builder.metadata(), batch);
    let reader = builder.with_batch_size(batch).build().map_err(damaged)?;
    let rows = Box::new(ParquetRows {
        path: path.to_string(),
        budget: Budget {
            bytes,
            seconds: SECONDS,
        },
        reader,
    });
    Ok(ParquetFile {
        rows: Box::into_raw(rows),
        count,
        columns: Text::new(columns),
    })
}

/// A null is left out: columns of other shapes in a mixed table, members that only some messages have.
fn lines(batch: &RecordBatch) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = WriterBuilder::new().build::<_, LineDelimited>(&mut out);
    writer
        .write(batch)
        .and_then(|()| writer.finish())
        .map_err(|e| format!("a column has no form in JSON: {e}"))?;
    drop(writer);
    Ok(out)
}

impl ParquetRows {
    fn next(&mut self) -> Outcome<String> {
        let task = Task {
            what: &format!("{}: reading its rows", self.path),
            advice: "; a few rows hold too much text (a larger --max_row_mb reads them)",
        };
        let budget = self.budget;
        let reader = &mut self.reader;
        blame_input("not a Parquet file that una can read", || {
            metered(task, budget, || {
                let text = next_lines(reader)?;
                meter::check().map(|_| text)
            })
        })
    }
}

/// The library says of packers that it was built without: "Disabled feature at compile time: brotli".
fn unread(error: &str) -> String {
    match error.rsplit_once("Disabled feature at compile time: ") {
        Some((_, packer)) => {
            format!("its columns are packed by {packer}, which una does not read; save it with snappy, gzip or zstd")
        }
        None => format!("the Parquet data are damaged ({error}); fetch the file again"),
    }
}

fn next_lines(reader: &mut ParquetRecordBatchReader) -> Outcome<String> {
    match reader.next() {
        None => Ok(String::new()),
        Some(Err(e)) => Err(unread(&e.to_string())),
        Some(Ok(batch)) => {
            let batch = bytes_as_text(batch).map_err(|e| e.to_string())?;
            String::from_utf8(lines(&batch)?).map_err(|_| "a text is not valid UTF-8".to_string())
        }
    }
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_parquet_open(
    path: Str,
    batch: usize,
    bytes: usize,
    out: *mut ParquetFile,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let path = path.text("the path")?;
        blame_input("not a Parquet file that una can read", || {
            open(path, batch, bytes)
        })
    })
}

/// # Safety
/// `rows` came from una_parquet_open, is alive and used by one thread at a time.
#[no_mangle]
pub unsafe extern "C" fn una_parquet_next(
    rows: *mut ParquetRows,
    out: *mut Text,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let rows = rows.as_mut().ok_or("the handle is null")?;
        Ok(Text::new(rows.next()?))
    })
}

/// # Safety
/// `rows` came from una_parquet_open and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_parquet_free(rows: *mut ParquetRows) {
    if !rows.is_null() {
        quietly(|| drop(Box::from_raw(rows)));
    }
}
