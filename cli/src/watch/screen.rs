//! What changes on a terminal, which is as it was when it ends: by q, a signal, an error or a panic.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use convoke::Ttl;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Row, Table};
use ratatui::{DefaultTerminal, Frame};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::look::{ErrorLine, WorkerLine};
use super::news::Change;
use super::{Look, Watcher};
use crate::output::printable;

/// How often the thread that waits for keys looks whether it is still wanted.
const KEYS_EVERY: Duration = Duration::from_millis(100);

/// What is shown.
#[derive(Debug, Default)]
struct View {
    look: Option<Look>,
    /// Why the store is not reached, when it is not; what is shown is old then.
    lost: Option<String>,
    /// How many workers are above the first one shown.
    above: usize,
}

pub(super) async fn run(mut watcher: Watcher, first: convoke::Result<Look>, every: Ttl) -> Result<ExitCode> {
    let mut signals = [
        (2, signal(SignalKind::interrupt())?),
        (15, signal(SignalKind::terminate())?),
        (1, signal(SignalKind::hangup())?),
    ];
    let (looks_in, mut looks) = mpsc::channel(1);
    let mut looking = std::pin::pin!(async move {
        let mut look = first;
        while looks_in.send(look).await.is_ok() {
            tokio::time::sleep(every.as_duration()).await;
            look = watcher.look().await;
        }
    });
    let mut terminal = Terminal::open()?;
    let mut keys = Keys::listen();
    let mut view = View::default();
    let [(interrupt, interrupted), (terminate, terminated), (hang_up, hung_up)] = &mut signals;
    let code = loop {
        terminal.0.draw(|frame| draw(frame, &view))?;
        tokio::select! {
            () = &mut looking => break 0,
            Some(look) = looks.recv() => view.see(look),
            key = keys.pressed.recv() => match key {
                Some(Key::Quit) | None => break 0,
                Some(Key::Up) => view.above = view.above.saturating_sub(1),
                Some(Key::Down) => view.above += 1,
                Some(Key::Redraw) => {}
            },
            _ = interrupted.recv() => break 128 + *interrupt,
            _ = terminated.recv() => break 128 + *terminate,
            _ = hung_up.recv() => break 128 + *hang_up,
        }
    };
    Ok(ExitCode::from(code))
}

/// The screen of a terminal; the one before comes back when this is dropped, and before a panic is told.
struct Terminal(DefaultTerminal);

impl Terminal {
    fn open() -> Result<Self> {
        Ok(Self(ratatui::try_init()?))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

enum Key {
    Quit,
    Up,
    Down,
    Redraw,
}

/// The keys that are pressed, from a thread of their own: reading them blocks.
struct Keys {
    pressed: mpsc::Receiver<Key>,
    over: Arc<AtomicBool>,
}

impl Keys {
    fn listen() -> Self {
        let (keys, pressed) = mpsc::channel(16);
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let event = match poll(KEYS_EVERY) {
                    Ok(false) => continue,
                    Ok(true) => read(),
                    Err(error) => Err(error),
                };
                // A terminal that is gone ends the watching.
                let Ok(event) = event else { return };
                if let Some(key) = key(&event)
                    && keys.blocking_send(key).is_err()
                {
                    return;
                }
            }
        });
        Self { pressed, over }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn key(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Redraw),
        Event::Key(pressed) if pressed.kind == KeyEventKind::Press => match pressed.code {
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            // In raw mode it is no signal.
            KeyCode::Char('c') if pressed.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
            KeyCode::Up | KeyCode::Char('k') => Some(Key::Up),
            KeyCode::Down | KeyCode::Char('j') => Some(Key::Down),
            _ => None,
        },
        _ => None,
    }
}

impl View {
    fn see(&mut self, look: convoke::Result<Look>) {
        match look {
            Ok(look) => {
                self.above = self.above.min(look.workers.len().saturating_sub(1));
                (self.look, self.lost) = (Some(look), None);
            }
            Err(error) => self.lost = Some(error.to_string()),
        }
    }
}

fn draw(frame: &mut Frame<'_>, view: &View) {
    let [title, workers, below, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Line::from("q ends, ↑ and ↓ scroll the workers").dim(), keys);
    let [first, second] = Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(title);
    match (&view.lost, &view.look) {
        (Some(why), _) => {
            let why = printable(format!("the store is not reached, and tried again: {why}"));
            frame.render_widget(Line::from(why).white().on_red(), first);
        }
        (None, Some(look)) => {
            let line = printable(format!("{}   {}", look.at, look.led_by()));
            let style = if look.leader.is_some() {
                Style::new()
            } else {
                Style::new().yellow()
            };
            frame.render_widget(Line::from(line).style(style), first);
        }
        (None, None) => frame.render_widget(Line::from("connecting"), first),
    }
    let Some(look) = &view.look else { return };
    frame.render_widget(Line::from(format!("topologies: {}", look.topologies.text())), second);
    draw_workers(frame, workers, look, view.above);
    let [errors, news] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(below);
    let rows = look.errors.iter().map(|it| row(it.row(), Color::Red));
    let widths = [Constraint::Fill(2), Constraint::Fill(1), Constraint::Fill(4)];
    frame.render_widget(titled("errors", ErrorLine::HEADER, widths, rows), errors);
    let rows = look.news.iter().map(|it| row(it.row(), Color::Reset));
    let widths = [Constraint::Fill(2), Constraint::Fill(2), Constraint::Fill(2)];
    frame.render_widget(titled("changes", Change::HEADER, widths, rows), news);
}

fn draw_workers(frame: &mut Frame<'_>, area: Rect, look: &Look, above: usize) {
    let rows = look.workers.iter().skip(above).map(|worker| {
        let color = match (worker.is_heard_of, worker.status) {
            (_, convoke::WorkerStatus::Unloaded) => Color::DarkGray,
            (false, _) => Color::Red,
            (true, convoke::WorkerStatus::Alive) => Color::Reset,
            (true, _) => Color::Yellow,
        };
        let line = row(worker.row(look.at), color);
        match worker.role {
            convoke::Role::Leader => line.bold(),
            _ => line,
        }
    });
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(12),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Length(6),
    ];
    let title = format!("{} workers", look.workers.len());
    frame.render_widget(titled(&title, WorkerLine::HEADER, widths, rows), area);
}

fn row<const N: usize>(cells: [String; N], color: Color) -> Row<'static> {
    Row::new(cells.map(|text| Cell::from(printable(text)))).style(Style::new().fg(color))
}

fn titled<'a, const N: usize>(
    title: &str,
    header: [&'static str; N],
    widths: [Constraint; N],
    rows: impl Iterator<Item = Row<'a>>,
) -> Table<'a> {
    Table::new(rows, widths)
        .header(Row::new(header).style(Style::new().dim()))
        .block(Block::bordered().title(title.to_owned()))
}

#[cfg(test)]
mod tests {
    use convoke::{Error, ErrorKind, Role, Timestamp, TopologyId, WorkerName, WorkerStatus};
    use ratatui::backend::TestBackend;

    use super::super::look::{ByStatus, Queue};
    use super::*;

    fn look() -> Look {
        let worker = WorkerLine {
            name: WorkerName::new("host 1").unwrap(),
            status: WorkerStatus::Alive,
            role: Role::Leader,
            last_ping: Timestamp::EPOCH,
            is_heard_of: true,
            load: 2.5,
            topologies: 2,
            queue: Some(Queue {
                messages: 100,
                more: true,
            }),
        };
        Look {
            at: Timestamp::EPOCH,
            leader: None,
            workers: vec![worker],
            topologies: ByStatus::default(),
            errors: vec![ErrorLine {
                topology: TopologyId::new("t1").unwrap(),
                worker: None,
                since: Timestamp::EPOCH,
                error: "it said \u{1b}[31mno".to_owned(),
            }],
            news: Vec::new(),
        }
    }

    fn drawn(view: &View) -> String {
        let mut terminal = ratatui::Terminal::new(TestBackend::new(120, 20)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_who_is_there_and_what_is_wrong() {
        let mut view = View::default();
        assert!(drawn(&view).contains("connecting"));
        view.see(Ok(look()));
        let text = drawn(&view);
        for expected in [
            "1 workers",
            "host 1",
            "leader",
            "2.5",
            "100+",
            "nobody leads",
            "it said \\u{1b}[31mno",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_lost_store_is_said_and_the_last_look_stays() {
        let mut view = View::default();
        view.see(Ok(look()));
        view.see(Err(Error::new(ErrorKind::Unavailable, "the server is down")));
        let text = drawn(&view);
        assert!(
            text.contains("the store is not reached") && text.contains("the server is down"),
            "{text}"
        );
        assert!(text.contains("host 1"), "{text}");
        view.see(Ok(look()));
        assert!(!drawn(&view).contains("the server is down"));
    }
}
