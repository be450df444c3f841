//! Tokens → [`Expr`], by precedence (FHIRPath N1 #grammar), within limits that hold whoever wrote the text.

use std::sync::{Arc, OnceLock};

use super::datum::{Datum, Text};
use super::expr::{Call, Expr, Infix, Name, Start, Step, Test, Variable};
use super::function::Function;
use super::lexer::{Token, tokens};
use super::quantity::{Calendar, Quantity, Unit, parse_decimal};
use super::types::TypeName;
use super::{EXPRESSION_BYTES_MAX, FORMS_MAX, NESTING_MAX, ParseError};

/// Reads a whole text.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(ParseError { message: format!("longer than {EXPRESSION_BYTES_MAX} bytes"), at: EXPRESSION_BYTES_MAX });
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, open: 0, forms: 0 };
    let (expr, _) = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => parser.fail("expected the end of the expression or an operator"),
    }
}

/// A form with how deep it is nested.
type Nested = (Expr, usize);

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    /// How many expressions are being read, one within the other.
    open: usize,
    /// How many forms were read.
    forms: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { message: message.into(), at: self.place() })
    }

    fn is(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(known) if *known == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.is(sign) { Ok(()) } else { self.fail(format!("expected `{sign}`")) }
    }

    /// Counts a form.
    fn count(&mut self) -> Result<(), ParseError> {
        self.forms += 1;
        if self.forms > FORMS_MAX { self.fail(format!("more than {FORMS_MAX} parts")) } else { Ok(()) }
    }

    /// One level deeper than the deepest of its parts.
    fn deeper(&mut self, parts: usize) -> Result<usize, ParseError> {
        self.count()?;
        if parts >= NESTING_MAX { self.fail(format!("nested deeper than {NESTING_MAX}")) } else { Ok(parts + 1) }
    }

    fn infix(&self) -> Option<(u8, Infix)> {
        match self.peek() {
            Token::Sign(sign) => Infix::find(sign),
            Token::Word(word) => Infix::find(word),
            _ => None,
        }
    }

    /// An expression whose operators bind at least this tightly.
    fn expression(&mut self, tightest: u8) -> Result<Nested, ParseError> {
        self.open += 1;
        if self.open > NESTING_MAX {
            return self.fail(format!("nested deeper than {NESTING_MAX}"));
        }
        let (mut left, mut depth) = self.operand()?;
        let mut last = u8::MAX;
        while let Some((precedence, infix)) = self.infix().filter(|(precedence, _)| *precedence >= tightest) {
            self.at += 1;
            if let Infix::Test(test) = infix {
                let name = self.type_name()?;
                depth = self.deeper(depth)?;
                left = with_step(left, Step::Test(test, name));
            } else {
                let (right, other) = self.expression(precedence + 1)?;
                let whole = self.deeper(depth.max(other))?;
                // What continues a list nests no deeper than its deepest part.
                depth = if last == precedence { depth.max(other + 1) } else { whole };
                left = joined(left, infix, right, last == precedence);
            }
            last = precedence;
        }
        self.open -= 1;
        Ok((left, depth))
    }

    /// A term with its signs and its steps.
    fn operand(&mut self) -> Result<Nested, ParseError> {
        let (mut signed, mut minus) = (false, false);
        while let Token::Sign(sign @ ("+" | "-")) = *self.peek() {
            self.at += 1;
            signed = true;
            minus ^= sign == "-";
        }
        let (term, depth) = self.term()?;
        let (path, depth) = self.steps(term, depth)?;
        match (signed, minus) {
            (false, _) => Ok((path, depth)),
            (true, true) => Ok((Expr::Minus(Box::new(path)), self.deeper(depth)?)),
            // A plus asks for a number all the same.
            (true, false) => Ok((Expr::Minus(Box::new(Expr::Minus(Box::new(path)))), self.deeper(depth + 1)?)),
        }
    }

    fn term(&mut self) -> Result<Nested, ParseError> {
        self.count()?;
        let at = self.place();
        let literal = |datum| Ok((Expr::Literal(datum), 1));
        match self.next() {
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("{") => {
                self.expect("}")?;
                Ok((Expr::Nothing, 1))
            }
            Token::Text(text) => literal(Datum::String(Text::Own(text))),
            Token::Temporal(temporal) => literal(Datum::Temporal(temporal)),
            Token::Number(number) => literal(self.number(&number, at)?),
            Token::Variable(name) => self.variable(&name, at),
            Token::Special(name) => {
                let start = match &*name {
                    "this" => Start::This,
                    "index" => Start::Index,
                    "total" => Start::Total,
                    _ => return Err(ParseError { message: format!("expected `$this`, `$index` or `$total`, not `${name}`"), at }),
                };
                Ok((Expr::Path(start, Vec::new()), 1))
            }
            Token::Word(word) => match &*word {
                "true" => literal(Datum::Boolean(true)),
                "false" => literal(Datum::Boolean(false)),
                _ => {
                    let (step, depth) = self.named(word, at, true)?;
                    Ok((Expr::Path(Start::This, vec![step]), depth))
                }
            },
            Token::Quoted(word) => {
                let (step, depth) = self.named(word, at, true)?;
                Ok((Expr::Path(Start::This, vec![step]), depth))
            }
            _ => Err(ParseError { message: "expected a name, a literal or `(`".into(), at }),
        }
    }

    /// A number, with the unit that may follow.
    fn number(&mut self, digits: &str, at: usize) -> Result<Datum<'static>, ParseError> {
        let error = || ParseError { message: format!("a number too large: `{digits}`"), at };
        let unit = match self.peek() {
            Token::Text(code) => Some(Unit::Code(Text::Own(Arc::clone(code)))),
            Token::Word(word) => Calendar::parse(word).map(Unit::Calendar),
            _ => None,
        };
        if let Some(unit) = unit {
            self.at += 1;
            return Ok(Datum::Quantity(Quantity { value: parse_decimal(digits).ok_or_else(error)?, unit }));
        }
        if digits.contains('.') {
            return parse_decimal(digits).map(Datum::Decimal).ok_or_else(error);
        }
        digits.parse().map(Datum::Integer).map_err(|_| error())
    }

    /// FHIR R4 fhirpath.html#variables.
    fn variable(&mut self, name: &str, at: usize) -> Result<Nested, ParseError> {
        let text = |text: String| Ok((Expr::Literal(Datum::text(text)), 1));
        let variable = match name {
            "context" => Variable::Context,
            "resource" => Variable::Resource,
            "rootResource" => Variable::RootResource,
            "ucum" => return text("http://unitsofmeasure.org".into()),
            "sct" => return text("http://snomed.info/sct".into()),
            "loinc" => return text("http://loinc.org".into()),
            _ => {
                return match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                    (Some(name), _) => text(format!("http://hl7.org/fhir/ValueSet/{name}")),
                    (_, Some(name)) => text(format!("http://hl7.org/fhir/StructureDefinition/{name}")),
                    _ => Err(ParseError { message: format!("unknown variable `%{name}`"), at }),
                };
            }
        };
        Ok((Expr::Path(Start::Variable(variable), Vec::new()), 1))
    }

    /// What follows a term: children, functions, indexes.
    fn steps(&mut self, term: Expr, mut depth: usize) -> Result<Nested, ParseError> {
        let mut path = term;
        loop {
            let at = self.place();
            let (step, own) = if self.is("[") {
                let (index, own) = self.expression(0)?;
                self.expect("]")?;
                (Step::Item(index), own)
            } else if self.is(".") {
                let at = self.place();
                match self.next() {
                    Token::Word(word) | Token::Quoted(word) => self.named(word, at, false)?,
                    Token::Special(name) if &*name == "this" => continue,
                    _ => return Err(ParseError { message: "expected a name after `.`".into(), at }),
                }
            } else {
                return Ok((path, depth));
            };
            // A term that is no path is nested within the one that its first step makes.
            let within = depth + usize::from(!matches!(path, Expr::Path(..)));
            if within.max(own + 1) > NESTING_MAX {
                return Err(ParseError { message: format!("nested deeper than {NESTING_MAX}"), at });
            }
            self.count()?;
            depth = within.max(own + 1);
            path = with_step(path, step);
        }
    }

    /// A name: of a child, of a function where `(` follows, of a type where a path starts.
    fn named(&mut self, word: Arc<str>, at: usize, starts: bool) -> Result<(Step, usize), ParseError> {
        let place = u32::try_from(at).unwrap_or(u32::MAX);
        if !self.is("(") {
            let kind = (starts && word.starts_with(|c: char| c.is_ascii_uppercase())).then(|| TypeName::find(None, &word)).flatten();
            let name = |text| Step::Name(Name { text, at: place, bound: None });
            return Ok((kind.map_or_else(|| name(word), Step::Type), 1));
        }
        let test = match &*word {
            "is" => Some(Test::Is),
            "as" | "ofType" => Some(Test::As),
            _ => None,
        };
        if let Some(test) = test {
            let name = self.type_name()?;
            self.expect(")")?;
            return Ok((Step::Test(test, name), 1));
        }
        let Some((function, fewest, most)) = Function::find(&word) else {
            return Err(ParseError { message: format!("unknown function `{word}`"), at });
        };
        let (mut arguments, mut depth) = (Vec::new(), 0);
        if !self.is(")") {
            loop {
                let (argument, own) = self.expression(0)?;
                arguments.push(argument);
                depth = depth.max(own);
                if !self.is(",") {
                    self.expect(")")?;
                    break;
                }
            }
        }
        if !(fewest..=most).contains(&arguments.len()) {
            let expected = if fewest == most { format!("{most}") } else { format!("{fewest} to {most}") };
            return Err(ParseError { message: format!("`{word}` takes {expected} arguments, not {}", arguments.len()), at });
        }
        let call = Call { function, arguments, at: place, pattern: OnceLock::new() };
        Ok((Step::Call(Box::new(call)), self.deeper(depth)?))
    }

    /// `Quantity`, `FHIR.Quantity`.
    fn type_name(&mut self) -> Result<TypeName, ParseError> {
        let at = self.place();
        let mut name = || match self.next() {
            Token::Word(word) | Token::Quoted(word) => Ok(word),
            _ => Err(ParseError { message: "expected the name of a type".into(), at }),
        };
        let first = name()?;
        let (namespace, name) = match (&*first, self.peek()) {
            ("FHIR" | "System", Token::Sign(".")) => {
                self.at += 1;
                let (Token::Word(word) | Token::Quoted(word)) = self.next() else {
                    return Err(ParseError { message: "expected the name of a type".into(), at });
                };
                (Some(first), word)
            }
            _ => (None, first),
        };
        TypeName::find(namespace.as_deref(), &name).ok_or_else(|| ParseError { message: format!("unknown type `{name}`"), at })
    }
}

/// A path goes on; anything else starts one.
fn with_step(expr: Expr, step: Step) -> Expr {
    match expr {
        Expr::Path(start, mut steps) => {
            steps.push(step);
            Expr::Path(start, steps)
        }
        other => Expr::Path(Start::Of(Box::new(other)), vec![step]),
    }
}

/// Two operands; a list of the same precedence goes on.
fn joined(left: Expr, infix: Infix, right: Expr, goes_on: bool) -> Expr {
    match (infix, left) {
        (Infix::Union, Expr::Union(mut parts)) if goes_on => {
            parts.push(right);
            Expr::Union(parts)
        }
        (Infix::Union, left) => Expr::Union(vec![left, right]),
        (Infix::Operator(operator), Expr::Chain(first, mut rest)) if goes_on => {
            rest.push((operator, right));
            Expr::Chain(first, rest)
        }
        (Infix::Operator(operator), left) => Expr::Chain(Box::new(left), vec![(operator, right)]),
        (Infix::Test(_), left) => left,
    }
}
