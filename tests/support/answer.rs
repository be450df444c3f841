//! An HTTP answer, taken in whole.

use std::io::Read;

use serde_json::Value;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Takes an answer in.
    pub fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let mut body = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut body)?;
        Ok(Self { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A header that may stand several times.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// Every header.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The id of the resource answered.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text())).to_owned()
    }

    /// The body, once the status is this.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The code and the first expression of the first issue.
    pub fn issue(&self) -> (String, String) {
        let json = self.json();
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/issue/0/code"), text("/issue/0/expression/0"))
    }

    /// The ids of the matches of a searchset, in order.
    pub fn matches(&self) -> Vec<String> {
        let json = self.expect(200);
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        let found = entries.iter().filter(|entry| entry["search"]["mode"] == "match");
        found.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The link of this relation.
    pub fn link(&self, relation: &str) -> Option<String> {
        let json = self.json();
        let links = json["link"].as_array().cloned().unwrap_or_default();
        links.iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap().to_owned())
    }

    /// What must be alike for hidden and absent: status, headers that could tell, and the body without the id that was asked.
    pub fn shape(&self, asked: &str) -> (u16, Vec<String>, String) {
        let names = self.headers.keys().map(|name| name.as_str().to_owned());
        let mut names: Vec<String> = names.filter(|name| !matches!(name.as_str(), "date" | "x-request-id")).collect();
        names.sort();
        (self.status, names, self.text().replace(asked, "ID"))
    }
}
