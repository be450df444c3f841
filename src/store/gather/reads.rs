//! Reads by id.

use tokio::sync::oneshot;

use super::{Asked, Store, within};
use crate::fhir::ResourceType;
use crate::policy::Scope;
use crate::store::error::Error;
use crate::store::on_a_connection;
use crate::store::pool::{Manager, Target};
use crate::store::read::{Found, read, read_each};

type Answer = Result<Option<Found>, Error>;

/// A read, and who waits for it.
pub struct Read {
    scope: Scope,
    id: String,
    answer: oneshot::Sender<Answer>,
}

impl Read {
    fn tell(self, found: Answer) {
        // Who no longer waits is told nothing.
        let _ = self.answer.send(found);
    }
}

impl Asked for Read {
    /// Each number has a text, and a plan, of its own.
    const TOGETHER_MAX: usize = 8;
    const UNDER_WAY_MAX: usize = 2;
    type Shape = (bool, bool, usize);

    fn shape(&self) -> Self::Shape {
        (self.scope.is_tester(), self.scope.resource() == ResourceType::BINARY, self.scope.actors().len())
    }

    fn is_given_up(&self) -> bool {
        self.answer.is_closed()
    }

    fn together(asked: Vec<Self>, pool: &r2d2::Pool<Manager>, target: &Target) {
        let wanted: Vec<_> = asked.iter().map(|asked| (&asked.scope, asked.id.as_str())).collect();
        match on_a_connection(pool, target, |connection| read_each(connection, &wanted)) {
            Ok(found) => asked.into_iter().zip(found).for_each(|(asked, found)| asked.tell(found)),
            Err(Error::Away) => asked.into_iter().for_each(|asked| asked.tell(Err(Error::Away))),
            // What is wrong with one is not wrong with its neighbours.
            Err(_) => asked.into_iter().for_each(|asked| {
                let found = on_a_connection(pool, target, |connection| read(connection, &asked.scope, &asked.id));
                asked.tell(found);
            }),
        }
    }
}

impl Store {
    /// The resource of this id and the decision of the scope on it; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Away`], after ten seconds at the latest; [`Error::Corrupt`].
    pub async fn read(&self, scope: Scope, id: &str) -> Answer {
        let id = id.to_owned();
        // SQLite has no round trips, and a transaction has one connection; what follows references is of no other's shape.
        if !scope.links().is_empty() || self.session.is_some() || matches!(self.target, Target::Sqlite(_)) {
            return self.run(move |connection| read(connection, &scope, &id)).await;
        }
        let (answer, result) = oneshot::channel();
        self.gather(&self.reads, Read { scope, id, answer });
        within(async { result.await.map_err(|_| Error::Away)? }).await
    }
}
