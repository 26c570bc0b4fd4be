//! Locks on Redis.

use convoke_core::locks::MAX_SWEPT;
use convoke_core::{
    Cursor, Lock, LockAcquisition, LockName, LockOwner, LockRelease, LockRenewal, LockToken, Locks, Page, Paged,
    Result, Timestamp, Ttl, async_trait, error,
};

use crate::answer::{Answer, named, parse, strange};
use crate::scripts;
use crate::store::RedisStore;

#[async_trait]
impl Locks for RedisStore {
    async fn acquire_lock(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition> {
        let acquired = self.acquire(name, owner, ttl).await;
        acquired.map_err(|error| error.at("locks.acquire"))
    }

    async fn renew_lock(&self, lock: &Lock, ttl: Ttl) -> Result<LockRenewal> {
        self.prolong(lock, ttl).await.map_err(|error| error.at("locks.renew"))
    }

    async fn release_lock(&self, lock: &Lock) -> Result<LockRelease> {
        self.release(lock).await.map_err(|error| error.at("locks.release"))
    }

    async fn check_lock(&self, name: &LockName, token: LockToken) -> Result<()> {
        let checked = self.check_token(name, token).await;
        checked.map_err(|error| error.at("locks.check"))
    }

    async fn get_lock(&self, name: &LockName) -> Result<Option<Lock>> {
        self.find_lock(name).await.map_err(|error| error.at("locks.get"))
    }

    async fn list_locks(&self, page: &Page) -> Result<Paged<Lock>> {
        self.page_of_locks(page).await.map_err(|error| error.at("locks.list"))
    }
}

impl RedisStore {
    async fn acquire(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition> {
        let call = scripts::ACQUIRE_LOCK
            .call()
            .arg(self.now_argument()?)
            .arg(name.as_str())
            .arg(owner.as_str())
            .arg(ttl.as_micros())
            .arg(MAX_SWEPT);
        let mut answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "acquired" => lock(name, &answer.fields.text()?).map(LockAcquisition::Acquired),
            "held" => lock(name, &answer.fields.text()?).map(LockAcquisition::HeldBy),
            _ => Err(answer.unexpected()),
        }
    }

    async fn prolong(&self, given: &Lock, ttl: Ttl) -> Result<LockRenewal> {
        let call = scripts::RENEW_LOCK
            .call()
            .arg(self.now_argument()?)
            .arg(given.name.as_str())
            .arg(given.owner.as_str())
            .arg(given.token.number())
            .arg(ttl.as_micros());
        let mut answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "renewed" => lock(&given.name, &answer.fields.text()?).map(LockRenewal::Renewed),
            "lost" => holder(&given.name, &mut answer).map(LockRenewal::Lost),
            _ => Err(answer.unexpected()),
        }
    }

    async fn release(&self, given: &Lock) -> Result<LockRelease> {
        let call = scripts::RELEASE_LOCK
            .call()
            .arg(self.now_argument()?)
            .arg(given.name.as_str())
            .arg(given.owner.as_str())
            .arg(given.token.number());
        let mut answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "released" => Ok(LockRelease::Released),
            "lost" => holder(&given.name, &mut answer).map(LockRelease::Lost),
            _ => Err(answer.unexpected()),
        }
    }

    async fn check_token(&self, name: &LockName, token: LockToken) -> Result<()> {
        let call = scripts::CHECK_LOCK
            .call()
            .arg(self.now_argument()?)
            .arg(name.as_str())
            .arg(token.number());
        let answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "holds" => Ok(()),
            "stale_lock" => Err(error::stale_lock(name, token)),
            _ => Err(answer.unexpected()),
        }
    }

    async fn find_lock(&self, name: &LockName) -> Result<Option<Lock>> {
        let call = scripts::GET_LOCK.call().arg(self.now_argument()?).arg(name.as_str());
        let mut answer = self.ask(&call).await?;
        match answer.word.as_str() {
            "lock" => holder(name, &mut answer),
            _ => Err(answer.unexpected()),
        }
    }

    async fn page_of_locks(&self, page: &Page) -> Result<Paged<Lock>> {
        let after = page.after.as_ref().map(Cursor::lock).transpose()?;
        let mut after = after.map_or_else(String::new, String::from);
        let mut locks = Vec::new();
        // Once, unless more than a thousand locks that ran out lie together.
        loop {
            let call = scripts::LIST_LOCKS
                .call()
                .arg(self.now_argument()?)
                .arg(&after)
                .arg(page.limit.as_usize() + 1 - locks.len());
            let mut answer = self.ask(&call).await?;
            if answer.word != "page" {
                return Err(answer.unexpected());
            }
            let has_more = answer.fields.parsed::<u8>()? == 1;
            after = answer.fields.text()?;
            let mut rows = answer.fields.list()?;
            while !rows.is_done() {
                let name = named(rows.text()?)?;
                locks.push(lock(&name, &rows.text()?)?);
            }
            if !has_more || locks.len() > page.limit.as_usize() {
                break;
            }
        }
        Ok(Paged::cut(locks, page.limit, |last: &Lock| {
            Cursor::behind_lock(&last.name)
        }))
    }
}

/// Reads who has a lock, if anybody.
fn holder(name: &LockName, answer: &mut Answer) -> Result<Option<Lock>> {
    let found = answer.fields.optional_text()?;
    found.map(|text| lock(name, &text)).transpose()
}

/// Reads `token expires owner`.
fn lock(name: &LockName, text: &str) -> Result<Lock> {
    let mut parts = text.splitn(3, ' ');
    let (Some(token), Some(expires), Some(owner)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(strange("a lock is not \"token expires owner\""));
    };
    Ok(Lock {
        name: name.clone(),
        owner: named(owner.to_owned())?,
        token: LockToken::from_number(parse(token)?),
        expires: Timestamp::from_micros(parse(expires)?),
    })
}
