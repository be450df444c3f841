//! The plans that PostgreSQL really used: `auto_explain` of the very connections of a server writes them to the log of its cluster,
//! with the rows that each node met, and without times.

use std::collections::BTreeMap;

use serde_json::Value;

use super::postgres::Cluster;

/// Tables that grow with what is kept and with who uses it.
const LARGE: [&str; 14] = [
    "resource",
    "resource_version",
    "locator",
    "holder",
    "access_right",
    "audit_event",
    "audit_disclosed",
    "index_token",
    "index_string",
    "index_date",
    "index_reference",
    "index_uri",
    "index_quantity",
    "index_person_date",
];

/// The columns of each index, in order.
pub type Indexes = BTreeMap<String, Vec<String>>;

/// What a statement may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Rows that one node meets in a large table.
    pub met: u64,
    /// Rows that are sorted.
    pub sorted: u64,
}

/// A statement and how it was done.
#[derive(Debug)]
pub struct Used {
    /// Its text, as prepared.
    pub text: String,
    /// `Plan` of `EXPLAIN (ANALYZE, FORMAT JSON)`.
    plan: Value,
}

/// The URL of a database whose connections explain all they do.
pub fn explained(url: &str) -> String {
    let settings = [
        "session_preload_libraries=auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_format=json",
        "auto_explain.log_analyze=on",
        "auto_explain.log_timing=off",
    ];
    let options = settings.map(|setting| format!("-c%20{}", setting.replace('=', "%3D"))).join("%20");
    format!("{url}?options={options}")
}

/// The columns of the indexes of a database.
pub fn indexes(cluster: &Cluster, database: &str) -> Indexes {
    let select = "SELECT i.indexrelid::regclass || '=' || string_agg(a.attname, ',' ORDER BY k.place) FROM pg_index i \
                  CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place) \
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
                  WHERE i.indrelid::regclass::text NOT LIKE 'pg_%' GROUP BY i.indexrelid";
    let lines = cluster.execute(database, select);
    let columns = |list: &str| list.split(',').map(ToOwned::to_owned).collect();
    lines.lines().filter_map(|line| line.split_once('=')).map(|(name, list)| (name.to_owned(), columns(list))).collect()
}

/// The statements in a part of the log, in the order in which they ended.
pub fn read(log: &str) -> Vec<Used> {
    let (mut found, mut json) = (Vec::new(), None::<String>);
    // Lines of one message begin with a tab, all but the first.
    for line in log.lines().chain([""]) {
        if let (Some(json), Some(more)) = (json.as_mut(), line.strip_prefix('\t')) {
            json.push_str(more);
            continue;
        }
        if let Some(json) = json.take() {
            let mut entry: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            found.push(Used { text: entry["Query Text"].as_str().unwrap().to_owned(), plan: entry["Plan"].take() });
        }
        if line.contains("LOG:  duration:") && line.ends_with("plan:") {
            json = Some(String::new());
        }
    }
    found
}

impl Used {
    /// The tree of nodes, without what was estimated or counted.
    pub fn shape(&self) -> String {
        let mut out = String::new();
        self.walk(&mut |node, depth| {
            out.push_str(&"  ".repeat(depth));
            for name in ["Subplan Name", "Node Type", "Join Type", "Scan Direction", "Relation Name", "Index Name"] {
                if let Some(value) = node[name].as_str() {
                    out.push_str(value);
                    out.push(' ');
                }
            }
            out.push('\n');
        });
        out
    }

    /// How it reaches the large tables: each by which columns, in no order. What is named by its key needs no more.
    pub fn reached(&self, indexes: &Indexes) -> Vec<String> {
        let mut all = Vec::new();
        self.walk(&mut |node, _| {
            let Some((index, columns)) = node["Index Name"].as_str().and_then(|name| indexes.get_key_value(name)) else { return };
            let words = words(node["Index Cond"].as_str().unwrap_or_default());
            let mut named: Vec<&str> =
                columns.iter().map(String::as_str).filter(|column| words.iter().any(|word| word == column)).collect();
            if named.contains(&"key") {
                named = vec!["key"];
            }
            all.push(format!("{} by {}", node["Relation Name"].as_str().unwrap_or(index), named.join(", ")));
        });
        all.sort();
        all
    }

    /// Whether it counts, up to a limit, what could lead a search.
    pub fn is_probe(&self) -> bool {
        self.text.starts_with("SELECT (SELECT COUNT(*) FROM (SELECT ")
    }

    /// What is wrong with it.
    pub fn faults(&self, indexes: &Indexes, bound: Bound) -> Vec<String> {
        let mut faults = Vec::new();
        self.walk(&mut |node, _| {
            let kind = node["Node Type"].as_str().unwrap();
            if kind.contains("Sort") {
                let rows = children(node).map(met).sum::<u64>();
                if rows > bound.sorted {
                    faults.push(format!("{rows} rows are sorted"));
                }
            }
            let index = node["Index Name"].as_str();
            if let Some(index) = index
                && let Some(columns) = indexes.get(index)
            {
                let condition = node["Index Cond"].as_str().unwrap_or_default();
                if !leads(condition, columns) {
                    faults.push(format!("{index} {columns:?} is read by {condition}"));
                }
            }
            let Some(table) = node["Relation Name"].as_str().filter(|table| LARGE.contains(table)) else { return };
            match kind {
                "Seq Scan" => faults.push(format!("{table} is read from end to end")),
                "ModifyTable" => {}
                _ if met(node) > bound.met => faults.push(format!("{} rows of {table} are met by {}", met(node), index.unwrap_or(kind))),
                _ => {}
            }
        });
        faults
    }

    fn walk(&self, visit: &mut dyn FnMut(&Value, usize)) {
        fn down(node: &Value, depth: usize, visit: &mut dyn FnMut(&Value, usize)) {
            visit(node, depth);
            children(node).for_each(|child| down(child, depth + 1, visit));
        }
        down(&self.plan, 0, visit);
    }
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// The rows that a node gave or passed over, in all its loops, one at least for each.
fn met(node: &Value) -> u64 {
    let count = |name: &str| node[name].as_u64().unwrap_or(0);
    let rows = count("Actual Rows") + count("Rows Removed by Filter") + count("Rows Removed by Index Recheck");
    count("Actual Loops") * rows.max(1)
}

/// Whether a condition names the first columns of an index, and passes over one only after a range. The node's own columns stand in it
/// without an alias.
fn leads(condition: &str, columns: &[String]) -> bool {
    let words = words(condition);
    let named: Vec<bool> = columns.iter().map(|column| words.contains(column)).collect();
    let first = named.iter().take_while(|named| **named).count();
    let ranges = first > 0 && ["<", ">"].iter().any(|operator| condition.contains(&format!("({} {operator}", columns[first - 1])));
    first > 0 && (ranges || !named[first..].contains(&true))
}

/// The words of a condition outside of texts.
fn words(condition: &str) -> Vec<String> {
    let code = condition.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '$');
    code.split(|c| !is_word(c)).map(ToOwned::to_owned).collect()
}

#[test]
fn conditions_name_the_first_columns_of_an_index() {
    let columns = ["holder", "key", "param"].map(ToOwned::to_owned);
    let rows = [
        ("((holder = '-1'::integer) AND (key = r.key) AND (param = 7))", true),
        ("((holder = '-1'::integer) AND (param = 7))", false),
        ("((holder > '-1'::integer) AND (param = 7))", true),
        ("(ROW(holder, key) < ROW($1, $2))", true),
        ("(key = r.holder)", false),
        ("(value = 'the holder of a param'::text)", false),
        ("", false),
    ];
    for (condition, expected) in rows {
        assert_eq!(leads(condition, &columns), expected, "{condition}");
    }
}
