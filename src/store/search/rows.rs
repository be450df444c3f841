//! The rows that lead a search, or are counted to tell which do: `holder` and `key` of what passes one condition.

use super::super::predicate::{self, Place, joined, linked, row_test, table_of};
use super::super::sql::Statement;
use super::leads::first_that_leads;
use super::plan::{FEW, Plan};
use crate::fhir::ResourceType;
use crate::filter::Filter;

impl Plan<'_> {
    /// Selects `holder` and `key` of what passes a condition that [`leads`].
    pub fn rows(&self, filter: &Filter, out: &mut Statement) {
        self.rows_at(filter, self.place, false, out);
    }

    /// The same at a place; `some` where [`FEW`] of those at the end of a link are enough.
    pub fn rows_at(&self, filter: &Filter, place: Place, some: bool, out: &mut Statement) {
        let home = |alias: &str, out: &mut Statement| {
            if place.is_top() {
                self.of_home(alias, out);
            } else {
                predicate::everywhere(alias, place.realm(), out);
            }
        };
        match filter {
            Filter::Id(ids) => {
                let Some(resource) = place.resource() else { return };
                out.sql("SELECT l.holder AS holder, l.key AS key FROM locator l WHERE l.realm = ").number(place.realm());
                out.sql(" AND l.ref IN (");
                let refs: Vec<String> = ids.iter().map(|id| format!("{resource}/{id}")).collect();
                out.texts(refs.iter().map(String::as_str)).sql(")");
            }
            Filter::LastUpdated(test) => {
                let Some(resource) = place.resource() else { return };
                out.sql("SELECT i.holder AS holder, i.key AS key FROM resource i WHERE ");
                home("i", out);
                out.sql(" AND i.type = ").number(resource.number()).sql(" AND ");
                predicate::instant(*test, "i.updated", |micros| micros, out);
            }
            Filter::Index(param, test) => {
                out.sql("SELECT i.holder AS holder, i.key AS key FROM ").sql(table_of(test)).sql(" i WHERE ");
                home("i", out);
                out.sql(" AND i.param = ").number(param.key()).sql(" AND ");
                row_test(test, "i", out);
            }
            Filter::Or(any) => {
                for (number, one) in any.iter().enumerate() {
                    out.sql(if number == 0 { "SELECT holder, key FROM (" } else { " UNION ALL SELECT holder, key FROM (" });
                    self.rows_at(one, place, some, out);
                    out.sql(") u").sql(&number.to_string());
                }
            }
            // From what is asked at the end of the chain back to what refers to it.
            Filter::Via(param, resource, inner) => {
                let target = place.linked(*resource);
                let (r, _) = target.aliases();
                out.sql("SELECT x.holder AS holder, x.key AS key");
                self.led(inner, target, some, out);
                let reference = format!(" JOIN index_reference x ON x.value = '{resource}/' || {r}.id AND x.param = ");
                out.sql(&reference).number(param.key()).sql(" AND ");
                home("x", out);
                self.held(inner, *resource, target, out);
            }
            Filter::Has(param, resource, inner) => {
                let Some(own) = place.resource() else { return };
                let source = place.linked(*resource);
                let (r, _) = source.aliases();
                out.sql("SELECT l.holder AS holder, l.key AS key");
                self.led(inner, source, some, out);
                let reference = format!(" JOIN index_reference x ON x.holder = {r}.holder AND x.key = {r}.key AND x.param = ");
                out.sql(&reference).number(param.key()).sql(" JOIN locator l ON l.realm = ").number(place.realm());
                out.sql(&format!(" AND l.ref = x.value AND x.value >= '{own}/' AND x.value < '{own}0'"));
                self.held(inner, *resource, source, out);
            }
            // What cannot lead is never asked for.
            Filter::And(_)
            | Filter::Nothing
            | Filter::Everything
            | Filter::Not(_)
            | Filter::HolderNamed(_)
            | Filter::Envelope(_)
            | Filter::Holder(_)
            | Filter::Right(_) => {
                out.sql("SELECT holder, key FROM locator WHERE 1 = 0");
            }
        }
    }

    /// The same of a chain, but of those that lead to one of its ends only as many as a page in the order of creation can hold: which
    /// page costs as much as there are ends, not as much as leads to them.
    pub fn newest(&self, filter: &Filter, out: &mut Statement) {
        match filter {
            Filter::Or(any) => {
                for (number, one) in any.iter().enumerate() {
                    out.sql(if number == 0 { "SELECT holder, key FROM (" } else { " UNION ALL SELECT holder, key FROM (" });
                    self.newest(one, out);
                    out.sql(") n").sql(&number.to_string());
                }
            }
            Filter::Via(param, resource, inner) => {
                let target = self.place.linked(*resource);
                let (r, _) = target.aliases();
                let value = format!("'{resource}/' || {r}.id");
                out.sql("SELECT x.holder AS holder, x.key AS key");
                self.led(inner, target, false, out);
                out.sql(" JOIN index_reference x ON ");
                self.of_param("x", *param, out);
                out.sql(&format!(" AND x.value = {value} AND x.key "));
                let (within, least, last, order) = match self.cut.down {
                    true => (">=", "MIN", i64::MAX, "DESC"),
                    false => ("<=", "MAX", i64::MIN, "ASC"),
                };
                out.sql(&format!("{within} COALESCE((SELECT {least}(z.key) FROM (SELECT y.key AS key FROM index_reference y WHERE "));
                self.of_param("y", *param, out);
                out.sql(&format!(" AND y.value = {value}"));
                self.cut_off("y", out);
                out.sql(&format!(" ORDER BY y.key {order} LIMIT ")).number(self.cut.limit).sql(") z), ").big(last).sql(")");
                self.cut_off("x", out);
                self.held(inner, *resource, target, out);
            }
            other => self.rows(other, out),
        }
    }

    /// What a page has before it.
    fn cut_off(&self, alias: &str, out: &mut Statement) {
        if let Some(after) = self.cut.after {
            out.sql(" AND ").sql(alias).sql(if self.cut.down { ".key < " } else { ".key > " }).big(after);
        }
    }

    /// `FROM` the resources at the end of a link, led by the first condition on them that can.
    fn led(&self, inner: &Filter, at: Place, some: bool, out: &mut Statement) {
        let (r, h) = at.aliases();
        match first_that_leads(inner) {
            Some(filter) => {
                out.sql(" FROM (SELECT DISTINCT holder, key FROM (");
                if some {
                    self.leading(inner, at, out);
                } else {
                    self.rows_at(filter, at, false, out);
                }
                out.sql(") u) d");
                joined("d", at, out);
            }
            None => {
                out.sql(&format!(" FROM resource {r} LEFT JOIN holder {h} ON {h}.holder = {r}.holder"));
            }
        }
    }

    /// The first rows that lead to resources at the end of a link; none where nothing does.
    pub fn leading(&self, inner: &Filter, at: Place, out: &mut Statement) {
        out.sql("SELECT holder, key FROM (");
        self.rows_at(first_that_leads(inner).unwrap_or(&Filter::Nothing), at, true, out);
        out.sql(&format!(") f LIMIT {FEW}"));
    }

    /// `WHERE` what must hold of them.
    fn held(&self, inner: &Filter, resource: ResourceType, at: Place, out: &mut Statement) {
        out.sql(" WHERE ");
        predicate::everywhere(at.aliases().0, at.realm(), out);
        out.sql(" AND ");
        linked(resource, inner, at, out);
    }
}
