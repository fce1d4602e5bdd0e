//! Rows of a Parquet file as lines of JSON, a few at a time.

use std::fs::File;

use arrow::array::RecordBatch;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::ffi::{guard, quietly, Outcome, Str, Text};

pub struct ParquetRows {
    reader: ParquetRecordBatchReader,
}

#[repr(C)]
pub struct ParquetFile {
    rows: *mut ParquetRows,
    count: i64,
}

fn open(path: &str, batch: usize) -> Outcome<ParquetFile> {
    let file = File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|e| format!("not a readable Parquet file ({e}); fetch it again"))?;
    let count = builder.metadata().file_metadata().num_rows();
    let reader = builder
        .with_batch_size(batch)
        .build()
        .map_err(|e| format!("not a readable Parquet file ({e}); fetch it again"))?;
    let rows = Box::into_raw(Box::new(ParquetRows { reader }));
    Ok(ParquetFile { rows, count })
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
        match self.reader.next() {
            None => Ok(String::new()),
            Some(Err(e)) => Err(format!("the Parquet data are damaged ({e}); fetch the file again")),
            Some(Ok(batch)) => String::from_utf8(lines(&batch)?)
                .map_err(|_| "a text is not valid UTF-8".to_string()),
        }
    }
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_parquet_open(
    path: Str,
    batch: usize,
    out: *mut ParquetFile,
    error: *mut Text,
) -> i32 {
    guard(out, error, || open(path.text("the path")?, batch))
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
