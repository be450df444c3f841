//! The primitive types of R4 (FHIR R4 datatypes.html#primitive).

/// A primitive type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    /// `base64Binary`.
    Base64Binary,
    /// `boolean`.
    Boolean,
    /// `canonical`.
    Canonical,
    /// `code`.
    Code,
    /// `date`.
    Date,
    /// `dateTime`.
    DateTime,
    /// `decimal`.
    Decimal,
    /// `id`.
    Id,
    /// `instant`.
    Instant,
    /// `integer`.
    Integer,
    /// `markdown`.
    Markdown,
    /// `oid`.
    Oid,
    /// `positiveInt`.
    PositiveInt,
    /// `string`.
    String,
    /// `time`.
    Time,
    /// `unsignedInt`.
    UnsignedInt,
    /// `uri`.
    Uri,
    /// `url`.
    Url,
    /// `uuid`.
    Uuid,
    /// `xhtml`.
    Xhtml,
}

/// What a value of the type is in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
}

impl Primitive {
    /// Every primitive type with its name, sorted.
    pub const ALL: [(&'static str, Self); 20] = [
        ("base64Binary", Self::Base64Binary),
        ("boolean", Self::Boolean),
        ("canonical", Self::Canonical),
        ("code", Self::Code),
        ("date", Self::Date),
        ("dateTime", Self::DateTime),
        ("decimal", Self::Decimal),
        ("id", Self::Id),
        ("instant", Self::Instant),
        ("integer", Self::Integer),
        ("markdown", Self::Markdown),
        ("oid", Self::Oid),
        ("positiveInt", Self::PositiveInt),
        ("string", Self::String),
        ("time", Self::Time),
        ("unsignedInt", Self::UnsignedInt),
        ("uri", Self::Uri),
        ("url", Self::Url),
        ("uuid", Self::Uuid),
        ("xhtml", Self::Xhtml),
    ];

    /// The primitive of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, primitive)| *primitive)
    }

    /// What its values are in JSON (FHIR R4 json.html#primitive).
    pub fn json(self) -> Json {
        match self {
            Self::Boolean => Json::Boolean,
            Self::Integer | Self::UnsignedInt | Self::PositiveInt | Self::Decimal => Json::Number,
            _ => Json::String,
        }
    }
}
