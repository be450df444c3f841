//! A source, line by line: plain or gzip, with or without a byte order mark, never more than one line in memory.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::Line;
use crate::interaction::Error as Refusal;

const BUFFER: usize = 256 * 1024;

/// Bytes that begin a gzip stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The byte order mark of UTF-8, which some systems write before a text.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The lines of a source.
pub struct Lines<'r> {
    reader: Box<dyn BufRead + 'r>,
    gzip: bool,
    bytes_max: usize,
    number: i64,
    /// Whether the whole is one text.
    whole: bool,
    /// What was read to find out.
    first: Option<Vec<u8>>,
    ended: bool,
}

impl<'r> Lines<'r> {
    /// The lines of what this reads; `lines` where each is a resource, else that is found out by the first.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn open(reader: impl Read + 'r, lines: bool, bytes_max: usize) -> io::Result<Self> {
        let (head, reader) = peek(reader, GZIP.len())?;
        let gzip = head == GZIP;
        let plain: Box<dyn Read + 'r> =
            if gzip { Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, reader))) } else { Box::new(reader) };
        let mut opened =
            Self { reader: Box::new(Cursor::new(Vec::new())), gzip, bytes_max, number: 0, whole: false, first: None, ended: false };
        let (head, rest) = match peek(plain, MARK.len()) {
            Ok(peeked) => peeked,
            // What is no gzip at all is told as a rejected line.
            Err(error) if gzip && is_content(&error) => return Ok(opened.broken()),
            Err(error) => return Err(error),
        };
        opened.reader = if head == MARK {
            let mut rest = rest;
            io::copy(&mut (&mut rest).take(3), &mut io::sink())?;
            Box::new(BufReader::with_capacity(BUFFER, rest))
        } else {
            Box::new(BufReader::with_capacity(BUFFER, rest))
        };
        if !lines {
            opened.find_out()?;
        }
        Ok(opened)
    }

    /// Whether the whole is one text.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// A stream that breaks before its first byte.
    fn broken(mut self) -> Self {
        self.reader = Box::new(BufReader::new(MultiGzDecoder::new(Cursor::new(GZIP.to_vec()))));
        self
    }

    /// Reads the first line: where it is one value of its own, and there is more, so are the others.
    fn find_out(&mut self) -> io::Result<()> {
        let mut first = Vec::new();
        let bound = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.reader).take(bound).read_until(b'\n', &mut first);
        self.whole = match read {
            Ok(_) => first.last() != Some(&b'\n') || serde_json::from_slice::<IgnoredAny>(&first).is_err(),
            // Told when it is read on.
            Err(error) if self.gzip && is_content(&error) => true,
            Err(error) => return Err(error),
        };
        self.first = Some(first);
        Ok(())
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// Those of the reader; what is wrong with the content is a line that is refused.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        while !self.ended {
            self.number += 1;
            let mut bytes = self.first.take().unwrap_or_default();
            let number = self.number;
            let read = self.fill(&mut bytes);
            match read {
                Err(error) if self.gzip && is_content(&error) => {
                    self.ended = true;
                    let refusal = Refusal::Syntax(format!("the gzip stream is broken or ends too early: {error}"));
                    return Ok(Some(Line { number, text: Err(refusal) }));
                }
                Err(error) => return Err(error),
                Ok(false) => {
                    let what = if self.whole { "file" } else { "line" };
                    let refusal = Refusal::TooLong(format!("the {what} has more than {} bytes", self.bytes_max));
                    return Ok(Some(Line { number, text: Err(refusal) }));
                }
                Ok(true) => {}
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Line { number, text: Ok(bytes) }));
            }
        }
        Ok(None)
    }

    /// Reads to the end of the line, or of all; false where that is too much, and passed over.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let bound = self.bytes_max.saturating_add(1).saturating_sub(bytes.len());
        let mut bounded = (&mut self.reader).take(u64::try_from(bound).unwrap_or(u64::MAX));
        if self.whole {
            self.ended = true;
            bounded.read_to_end(bytes)?;
            return Ok(bytes.len() <= self.bytes_max);
        }
        if bytes.last() != Some(&b'\n') {
            self.ended = bounded.read_until(b'\n', bytes)? == 0;
        }
        if bytes.len() <= self.bytes_max || bytes.last() == Some(&b'\n') {
            return Ok(true);
        }
        loop {
            let buffer = self.reader.fill_buf()?;
            let length = buffer.len();
            let end = buffer.iter().position(|byte| *byte == b'\n');
            self.reader.consume(end.map_or(length, |end| end + 1));
            self.ended = length == 0;
            if end.is_some() || self.ended {
                return Ok(false);
            }
        }
    }
}

/// Whether an error is of the content, not of the disk.
fn is_content(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

/// The first bytes, and a reader of all.
fn peek<'r>(mut reader: impl Read + 'r, count: usize) -> io::Result<(Vec<u8>, impl Read + 'r)> {
    let mut head = Vec::with_capacity(count);
    (&mut reader).take(u64::try_from(count).unwrap_or(0)).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Every line: its number and text, or `!` and why not.
    fn read(bytes: &[u8], lines: bool) -> Vec<String> {
        let mut source = Lines::open(bytes, lines, 20).unwrap();
        let mut found = Vec::new();
        while let Some(line) = source.next().unwrap() {
            found.push(match line.text {
                Ok(text) => format!("{} {}", line.number, String::from_utf8_lossy(&text).trim_end()),
                Err(error) => format!("{} !{}", line.number, error.to_string().chars().take(19).collect::<String>()),
            });
        }
        found
    }

    #[test]
    fn lines_and_wholes_are_told_apart() {
        let noise: Vec<u8> = (0..5000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let broken = [&GZIP[..], b"x"].concat();
        let rows: [(Vec<u8>, bool, &[&str]); 16] = [
            (b"".to_vec(), true, &[]),
            (b"".to_vec(), false, &[]),
            (b"\n \r\n".to_vec(), true, &[]),
            (b"{}\n\n[]\r\n{".to_vec(), true, &["1 {}", "3 []", "4 {"]),
            (b"{}\n{}".to_vec(), false, &["1 {}", "2 {}"]),
            (b"{\n}\n".to_vec(), false, &["1 {\n}"]),
            (b"{}".to_vec(), false, &["1 {}"]),
            (b"\xef\xbb\xbf{}\n{}\n".to_vec(), false, &["1 {}", "2 {}"]),
            (gzip(b"\xef\xbb\xbf{}\n{}"), true, &["1 {}", "2 {}"]),
            ([gzip(b"{}\n"), gzip(b"[]\n")].concat(), true, &["1 {}", "2 []"]),
            (b"{\"a\":\"0123456789012345\"}\n{}".to_vec(), true, &["1 !the line has more t", "2 {}"]),
            (b"{\n\"a\":\"0123456789012345\"}".to_vec(), false, &["1 !the file has more t"]),
            (b"{\"a\":\"0123456789012345".to_vec(), true, &["1 !the line has more t"]),
            (broken.clone(), true, &["1 !the gzip stream is "]),
            (broken, false, &["1 !the gzip stream is "]),
            (gzip(&noise)[..9000].to_vec(), false, &["1 !the file has more t"]),
        ];
        for (bytes, lines, expected) in rows {
            assert_eq!(read(&bytes, lines), expected, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        }
        let whole = gzip(b"{}\n{}\n{}\n");
        let cut = read(&whole[..whole.len() - 4], true);
        assert_eq!(cut.last().unwrap(), "4 !the gzip stream is ", "{cut:?}");
    }
}
