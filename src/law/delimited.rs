//! Text in columns, as spreadsheets and sites export it: UTF-8 with `;`, `,` or tabs between the cells, and quotes around them where
//! need be. A byte order mark and carriage returns at the ends of lines are taken off.

use crate::policy::Finding;

/// Bytes of a file, and of one of its lines, at most.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 4 * 1024;
const BETWEEN: [char; 3] = ['\t', ';', ','];

/// A cell: where it begins, in characters from 1, and what it says.
pub type Cell = (usize, String);

/// A line that is not empty, by its number, in cells.
pub type Row = (usize, Vec<Cell>);

/// The lines in cells; the first says what stands between them. What cannot be read is told and left out.
pub fn rows(file: &str, bytes: &[u8], findings: &mut Vec<Finding>) -> Vec<Row> {
    if bytes.len() > FILE_BYTES_MAX {
        findings.push(Finding::new(file, 1, 1, format!("the file has more than {FILE_BYTES_MAX} bytes")));
        return Vec::new();
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
            findings.push(Finding::new(file, line, 1, "not UTF-8"));
            return Vec::new();
        }
    };
    let header = text.lines().next().unwrap_or_default();
    let count = |between: char| header.matches(between).count();
    let between = BETWEEN.into_iter().max_by_key(|between| count(*between)).unwrap_or('\t');
    let mut rows = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let cells = if line.len() > LINE_BYTES_MAX {
            Err((1, format!("the line has more than {LINE_BYTES_MAX} bytes")))
        } else {
            cells(line, between)
        };
        match cells {
            Ok(cells) => rows.push((number, cells)),
            Err((column, message)) => findings.push(Finding::new(file, number, column, message)),
        }
    }
    rows
}

/// The cells of a line, without the blanks and quotes around them.
fn cells(line: &str, between: char) -> Result<Vec<Cell>, (usize, String)> {
    let mut cells = Vec::new();
    let mut chars = line.chars().zip(1..).peekable();
    loop {
        let begin = chars.peek().map_or_else(|| line.chars().count() + 1, |(_, column)| *column);
        let mut text = String::new();
        let quoted = chars.next_if(|(c, _)| *c == '"').is_some();
        if quoted {
            loop {
                match chars.next() {
                    None => return Err((begin, "a quote that does not end on its line".to_owned())),
                    Some(('"', _)) if chars.next_if(|(c, _)| *c == '"').is_none() => break,
                    Some((c, _)) => text.push(c),
                }
            }
        }
        let mut after = String::new();
        let ended = loop {
            match chars.next() {
                None => break true,
                Some((c, _)) if c == between => break false,
                Some((c, _)) => after.push(c),
            }
        };
        if quoted && !after.trim().is_empty() {
            return Err((begin, "something stands after a quote".to_owned()));
        }
        text.push_str(&after);
        if let Some((_, column)) = text.chars().zip(begin..).find(|(c, _)| c.is_control()) {
            return Err((column, "a control character in the cell".to_owned()));
        }
        cells.push((begin, text.trim().to_owned()));
        if ended {
            return Ok(cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn cells_are_read_as_exported() {
        let cases = [
            ("a;b;c", vec!["a", "b", "c"]),
            ("a,b", vec!["a", "b"]),
            ("a\tb,c\td;e", vec!["a", "b,c", "d;e"]),
            ("\"a;b\";\"c \"\"d\"\"\";e", vec!["a;b", "c \"d\"", "e"]),
            (" a ; b ;", vec!["a", "b", ""]),
            ("a;\"\";", vec!["a", "", ""]),
            ("\u{feff}a;b\r", vec!["a", "b"]),
        ];
        for (text, expected) in cases {
            let mut findings = Vec::new();
            let read = rows("x", format!("{text}\n").as_bytes(), &mut findings);
            let cells: Vec<Vec<&str>> = read.iter().map(|(_, cells)| cells.iter().map(|(_, text)| text.as_str()).collect()).collect();
            assert_eq!((cells, findings), (vec![expected], Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let long = format!("a;b\n{}\n", "x".repeat(5000));
        let cases: [(&[u8], &str); 5] = [
            (b"a;b\n\"c;d\n", "x, line 2, column 1: a quote that does not end on its line"),
            (b"a;b\nc;\"d\"e\n", "x, line 2, column 3: something stands after a quote"),
            (b"a;b\nc;d\0\n", "x, line 2, column 4: a control character in the cell"),
            (b"a;b\nc;d\xe9\n", "x, line 2, column 1: not UTF-8"),
            (long.as_bytes(), "x, line 2, column 1: the line has more than 4096 bytes"),
        ];
        for (bytes, expected) in cases {
            let mut findings = Vec::new();
            rows("x", bytes, &mut findings);
            assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        }
    }
}
