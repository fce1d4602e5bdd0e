//! Columns of bytes as text. Many programs write texts without saying that they are UTF-8 (older Impala and Spark, DuckDB's
//! BLOB); arrow's JSON would have them in hex.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, LargeStringArray, OffsetSizeTrait, RecordBatch,
    StringArray, StructArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;

fn has_bytes(of: &DataType) -> bool {
    match of {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::List(field) | DataType::LargeList(field) => has_bytes(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_bytes(field.data_type())),
        _ => false,
    }
}

/// What is not UTF-8, as an image, is nothing that una reads: null.
fn text(bytes: Option<&[u8]>) -> Option<&str> {
    bytes.and_then(|b| std::str::from_utf8(b).ok())
}

fn of_type(field: &FieldRef, array: &ArrayRef) -> FieldRef {
    Arc::new(Field::new(field.name(), array.data_type().clone(), true))
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    let list = array.as_list::<O>();
    let values = texts(list.values())?;
    let field = of_type(field, &values);
    let made =
        GenericListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?;
    Ok(Arc::new(made))
}

fn fields(array: &ArrayRef, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let object = array.as_struct();
    let columns = object
        .columns()
        .iter()
        .map(texts)
        .collect::<Result<Vec<_>, _>>()?;
    let fields: Fields = fields
        .iter()
        .zip(&columns)
        .map(|(field, column)| of_type(field, column))
        .collect();
    Ok(Arc::new(StructArray::try_new(
        fields,
        columns,
        object.nulls().cloned(),
    )?))
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if !has_bytes(array.data_type()) {
        return Ok(array.clone());
    }
    Ok(match array.data_type() {
        DataType::Binary => Arc::new(
            array
                .as_binary::<i32>()
                .iter()
                .map(text)
                .collect::<StringArray>(),
        ),
        DataType::LargeBinary => Arc::new(
            array
                .as_binary::<i64>()
                .iter()
                .map(text)
                .collect::<LargeStringArray>(),
        ),
        DataType::BinaryView => Arc::new(
            array
                .as_binary_view()
                .iter()
                .map(text)
                .collect::<LargeStringArray>(),
        ),
        DataType::List(field) => list::<i32>(array, field)?,
        DataType::LargeList(field) => list::<i64>(array, field)?,
        DataType::Struct(inner) => fields(array, inner)?,
        _ => array.clone(),
    })
}

/// The batch with texts in place of bytes.
pub fn bytes_as_text(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let object: ArrayRef = Arc::new(StructArray::from(batch));
    Ok(RecordBatch::from(texts(&object)?.as_struct()))
}
