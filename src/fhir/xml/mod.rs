//! stub
use super::issue::{Issue, SyntaxError};
use serde_json::Value;
pub struct Read {
    pub value: Value,
    pub issues: Vec<Issue>,
}
pub fn read(_bytes: &[u8]) -> Result<Read, SyntaxError> {
    Ok(Read { value: Value::Null, issues: Vec::new() })
}
pub fn write(value: &Value, _pretty: bool) -> Vec<u8> {
    value.to_string().into_bytes()
}
pub fn check_narrative(_div: &str) -> Result<(), String> {
    Ok(())
}
