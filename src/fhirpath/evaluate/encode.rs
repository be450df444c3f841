//! Encodings and escapes of texts (FHIRPath 3.0 #additional-string-functions).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::super::datum::Datum;
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::string::single_text;
use super::{Evaluator, Outcome, Scope};

const HTML: [(char, &str); 5] = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];

impl<'v> Evaluator<'_, 'v> {
    /// Nothing for a form that is not known, and for what cannot be decoded into a text.
    pub(super) fn encode(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let form = self.argument(call, 0, scope)?;
        let (Some(text), Some(form)) = (single_text(input)?, single_text(&form)?) else { return Ok(Items::None) };
        self.charge(text.len())?;
        let made = match (call.function, &*form) {
            (F::Encode, "base64") => Some(STANDARD.encode(&*text)),
            (F::Encode, "urlbase64") => Some(URL_SAFE.encode(&*text)),
            (F::Encode, "hex") => Some(text.bytes().fold(String::new(), |mut made, b| {
                let _ = write!(made, "{b:02x}");
                made
            })),
            (F::Decode, "base64") => STANDARD.decode(&*text).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
            (F::Decode, "urlbase64") => URL_SAFE.decode(&*text).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
            (F::Decode, "hex") => from_hex(&text),
            (F::Escape, "html") => Some(text.chars().fold(String::new(), |mut made, c| {
                match HTML.iter().find(|(plain, _)| *plain == c) {
                    Some((_, escaped)) => made.push_str(escaped),
                    None => made.push(c),
                }
                made
            })),
            (F::Escape, "json") => serde_json::to_string(&*text).ok().and_then(|quoted| Some(quoted.get(1..quoted.len() - 1)?.to_owned())),
            // The ampersand last, so that nothing is unescaped twice.
            (F::Unescape, "html") => Some(
                HTML.iter().rev().fold(text.to_string(), |made, (plain, escaped)| made.replace(escaped, plain.encode_utf8(&mut [0; 4]))),
            ),
            (F::Unescape, "json") => serde_json::from_str(&format!("\"{}\"", &*text)).ok().or_else(|| Some(text.to_string())),
            _ => None,
        };
        Ok(made.map(|text| Node::Datum(Datum::text(text))).into())
    }
}

fn from_hex(text: &str) -> Option<String> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    String::from_utf8(bytes.filter(|_| rest.is_empty())?).ok()
}
