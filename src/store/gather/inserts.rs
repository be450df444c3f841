//! New resources about which nothing has to be asked first: written with others in one statement and one commit.

use tokio::sync::oneshot;

use super::{Asked, Store, within};
use crate::store::TRIES;
use crate::store::bulk::insert_many;
use crate::store::error::Error;
use crate::store::pool::{Manager, Pooled, Target};
use crate::store::write::NewResource;
use crate::store::writer::{Job, alone};

/// A new resource, and who waits until it is durable.
pub struct Insert {
    /// The resource.
    pub new: NewResource,
    /// Who waits; they get it back.
    pub answer: oneshot::Sender<Result<NewResource, Error>>,
}

impl Insert {
    /// Tells each what became of its resource.
    pub fn tell(self, done: Result<(), Error>) {
        // Who no longer waits is told nothing.
        let _ = self.answer.send(done.map(|()| self.new));
    }
}

impl Asked for Insert {
    const TOGETHER_MAX: usize = 32;
    const UNDER_WAY_MAX: usize = 3;
    type Shape = ();

    fn shape(&self) {}

    fn is_given_up(&self) -> bool {
        self.answer.is_closed()
    }

    fn together(asked: Vec<Self>, pool: &r2d2::Pool<Manager>, target: &Target) {
        let mut pooled = match pool.get() {
            Ok(pooled) => pooled,
            Err(_) => return asked.into_iter().for_each(|asked| asked.tell(Err(Error::Away))),
        };
        let (news, answers): (Vec<_>, Vec<_>) = asked.into_iter().map(|asked| (asked.new, asked.answer)).unzip();
        let done = insert(&mut pooled, target, &news);
        let asked = news.into_iter().zip(answers).map(|(new, answer)| Self { new, answer });
        match done {
            Ok(()) => asked.for_each(|asked| asked.tell(Ok(()))),
            Err(Error::Away) => asked.for_each(|asked| asked.tell(Err(Error::Away))),
            // What is wrong with one is not wrong with its neighbours; who waits no more may have asked again.
            Err(_) => asked.filter(|asked| !asked.is_given_up()).for_each(|asked| {
                let done = insert(&mut pooled, target, std::slice::from_ref(&asked.new));
                asked.tell(done);
            }),
        }
    }
}

fn insert(pooled: &mut Pooled, target: &Target, new: &[NewResource]) -> Result<(), Error> {
    let done = alone(&mut pooled.connection, target, |connection| insert_many(connection, new));
    // After any error the connection is suspect; making a new one costs little beside that.
    pooled.broken = done.is_err();
    done
}

impl Store {
    /// Writes a new resource and returns it after the commit; where its id or key turns out to be taken it is made again.
    ///
    /// # Errors
    /// [`Error::Away`] when the commit failed or could not be known, after ten seconds at the latest.
    pub async fn insert(&self, mut make: impl FnMut() -> NewResource) -> Result<NewResource, Error> {
        let tries = async {
            let mut done = Err(Error::Busy);
            for _ in 0..TRIES {
                done = self.insert_once(make()).await;
                if !matches!(done, Err(Error::Busy)) {
                    break;
                }
            }
            done
        };
        let done = within(tries).await;
        self.keep_statistics();
        done
    }

    async fn insert_once(&self, new: NewResource) -> Result<NewResource, Error> {
        if let Some(session) = &self.session {
            return session.step(move |connection| insert_many(connection, std::slice::from_ref(&new)).map(|()| new.clone())).await;
        }
        let (answer, result) = oneshot::channel();
        let asked = Insert { new, answer };
        match &self.target {
            Target::Sqlite(_) => self.writer.queue(Job::Insert(Box::new(asked)))?,
            Target::Postgres(_) => self.gather(&self.inserts, asked),
        }
        result.await.map_err(|_| Error::Away)?
    }
}
