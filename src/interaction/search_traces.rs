//! AuditEvent: `read` and `search-type` over the traces (CONTRACT 4, AuditEvent). Reading traces is traced, too.

use super::search_type::{Page, fetch};
use super::searchset::{Done, Entry, Mode, happened, links, searchset};
use super::{Answer, Error, Refused, Request, Service, subset};
use crate::audit::{self, Happened, Own, Reader, render};
use crate::clock::created;
use crate::fhir::ResourceType;
use crate::filter::{Filter, Label};
use crate::policy::{Action, Caller, CallerKind, Scope};
use crate::store::{self, AnyConnection, Order, PageRequest, Position, SortKey, StoredTrace};

/// What a caller may be told of a trace.
fn reader(service: &Service, caller: &Caller) -> Reader {
    let hidden = Label::HiddenFromHolder.bit();
    let ended = service.policy.lasting().ended_below(Label::HiddenFromHolder, service.clock.now());
    match caller.kind {
        // One name is that of every auditor.
        CallerKind::Auditor => Reader { unnamed: 0, absent: 0, ended, own: Own::OfKind(CallerKind::Auditor.number()) },
        CallerKind::Professional | CallerKind::Structure => Reader { unnamed: 0, absent: 0, ended, own: Own::Every },
        CallerKind::Holder => Reader { unnamed: hidden, absent: 0, ended, own: Own::None },
        _ => Reader { unnamed: hidden, absent: Label::HiddenFromRepresentatives.bit(), ended, own: Own::None },
    }
}

/// Reads one trace.
///
/// # Errors
/// [`Error::NotFound`] for what is absent or another's alike.
pub(super) async fn read(service: &Service, request: &Request, id: &str) -> Result<Answer, Error> {
    let asked = service.asked(request, "read", ResourceType::AUDIT_EVENT, id, "");
    let scope = service.policy.scope(&request.caller, Action::Consult, ResourceType::AUDIT_EVENT, service.clock.now());
    let page = PageRequest::first(Filter::Id(vec![id.to_owned()]), 1);
    let reader = reader(service, &request.caller);
    let wanted = id.to_owned();
    let found = service.store.run(move |connection| {
        let traces = if scope.is_nothing() { Vec::new() } else { store::search::traces(connection, &scope, &page, reader)? };
        let trace = traces.into_iter().next();
        // A refused one leaves a trace too in the record it is of.
        let of = match &trace {
            Some(trace) => Some((trace.row.holder, String::new(), trace.row.key, trace.about())),
            None => store::trace::whose(connection, &wanted)?,
        };
        let Some((holder, ins, key, target)) = of else { return Ok((trace, Happened::default(), String::new())) };
        // About whatever that trace is about: who may not know of the one may not know of the other.
        let disclosed = store::trace::disclosed(connection, holder, key)?;
        Ok((trace, Happened { holder, key: target, disclosed, ..Happened::default() }, ins))
    });
    let (found, happened, ins) = found.await?;
    let Some(trace) = found else {
        let error = Error::NotFound(ResourceType::AUDIT_EVENT, id.chars().take(64).collect());
        let refused = Refused::at(error, happened.holder, happened.key);
        let refused = if happened.holder == 0 { refused } else { refused.unknown(ins, happened.disclosed) };
        return Err(service.refused(&asked, refused).await);
    };
    // One's own trace that disclosed nothing names no record, nor does the trace of reading it.
    let found = i32::from(!(reader.owns(trace.row.kind) && trace.row.found == 0));
    service.trace(&asked, 200, &[Happened { found, ..happened }]).await?;
    let body = render(&trace, reader).to_string().into_bytes();
    Ok(Answer { status: 200, body, version: Some(1), updated: Some(created(trace.row.key)), ..Answer::default() })
}

/// A page of traces.
///
/// # Errors
/// As any search.
pub(super) async fn page(
    service: &Service,
    request: &Request,
    asked: &audit::Request<'_>,
    scope: Scope,
    page: PageRequest,
    touched: &[i64],
    done: &Done,
) -> Result<Answer, Error> {
    let by_date = crate::search::find(ResourceType::AUDIT_EVENT, "date").map(|parameter| parameter.param);
    let traces_by = |key: &SortKey| match key.order {
        Order::Created | Order::LastUpdated => true,
        Order::Index(param, _) => Some(param) == by_date,
        Order::Id => false,
    };
    if page.sort.len() > 1 || !page.sort.iter().all(traces_by) {
        return Err(Error::NotSupported { place: "_sort".into(), message: "traces are sorted by `date`".into() });
    }
    let reader = reader(service, &request.caller);
    let counted = scope.clone();
    let rows = move |connection: &mut AnyConnection, page: &PageRequest| store::search::traces(connection, &scope, page, reader);
    let count = move |connection: &mut AnyConnection, page: &PageRequest| store::search::total_traces(connection, &counted, page, reader);
    let Page { hits: traces, more, total } = fetch(service, page, done, rows, count).await?;
    let mut entries = Vec::with_capacity(traces.len());
    for trace in &traces {
        let body = render(trace, reader).to_string().into_bytes();
        let body = subset::of(ResourceType::AUDIT_EVENT, body, &done.query);
        entries.push(Entry { url: Some(format!("{}/AuditEvent/{}", service.base_url, trace.row.id)), body, mode: Mode::Match });
    }
    let position = |trace: &StoredTrace| Position { key: trace.row.key, ..Position::default() };
    let (start, end) = (traces.first().map(position), traces.last().map(position));
    let links = links(service, request, done, (start.as_ref(), end.as_ref()), more)?;
    let body = searchset(total, entries, &links, &done.warnings(None), request.language)?;
    // Whose traces were read: those of the holders named, else of the person the caller acts for, else nobody's in particular.
    // A question on traces may name what they are about.
    service.trace(asked, 200, &happened(&[], touched, &[], &|_| None, true)).await?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}
