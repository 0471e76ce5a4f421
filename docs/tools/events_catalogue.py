"""What every event in the log means, and what a person does about it. Levels and keys come from the code."""

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """meaning; act: empty where nothing is to be done; level: where the code decides it at run time."""

    meaning: str
    act: str = ""
    level: str = ""


FAMILIES: Final = {
    "order": "Orders",
    "gtt": "Triggers that rest at the broker (GTT)",
    "exits": "Managed exits",
    "execution": "Execution in parts",
    "risk": "The risk gate",
    "reconcile": "Reconciliation",
    "strategy": "Strategies",
    "session": "The broker's login",
    "broker": "The broker",
    "feed": "The ticker",
    "market": "Market data",
    "portfolio": "The books",
    "books": "The books, by hand",
    "day": "The trading day",
    "clock": "Clocks",
    "timetable": "The timetable",
    "preflight": "The checklist",
    "chore": "Chores around trading",
    "report": "Reports",
    "operator": "A person's commands",
    "configuration": "Configuration while it trades",
    "dashboard": "The dashboard",
    "alert": "Alerts and their channels",
    "notify": "Notifications",
    "audit": "The audit trail",
    "journal": "The journal",
    "paper": "Paper trading",
    "recorder": "The tape",
    "publisher": "The picture for the dashboard",
    "postbacks": "Postbacks",
    "kite": "Kite's words",
    "status": "Status",
    "threads": "Thread dumps",
    "supervisor": "Supervision",
    "child": "Actors",
    "mailbox": "Mailboxes",
    "program": "The program",
    "library": "Libraries",
}

WORDS: Final[dict[str, Words]] = {
    "order.intent": Words("Journaled: an approved intent has a tag. Certainly unsent."),
    "order.expired": Words("Certainly never sent: too old, of a former risk gate, or refused before it left."),
    "order.handed_out_again": Words(
        "No worker had claimed this exit for five seconds: another may. Whoever claims it first sends it.",
        "Nothing, once. Often: see why the gateway's workers fail or hang.",
    ),
    "order.change_handed_out_again": Words(
        "No worker had claimed this change of an exit for five seconds: another may. Whoever claims it first sends it.",
        "Nothing, once. Often: see why the gateway's workers fail or hang.",
    ),
    "gtt.handed_out_again": Words(
        "No worker had claimed this GTT for five seconds: another may. Whoever claims it first sends it.",
        "Nothing, once. Often: see why the gateway's workers fail or hang.",
    ),
    "order.sending": Words("Claimed by a worker: from here on it may be at the broker."),
    "order.acknowledged": Words("The broker gave an order id, in its reply or found by the tag."),
    "order.rejected": Words("The broker proved that it refused.", "Read `text`: margin, band, permission."),
    "order.unresolved": Words(
        "Nothing is proved about a request: it timed out, or its reply made no sense. It counts as live, worst case.",
        "Look at Kite's order book for the tag; if it stays so, `run.py resolve`.",
    ),
    "order.resolved": Words("A person said what became of an unresolved order."),
    "order.fill_seen": Words("An update shows more filled. Provisional: the books wait for the trades."),
    "order.trade": Words("One trade booked, once, by its id."),
    "order.closed": Words("Final at the broker, all its trades booked."),
    "order.adopted": Words("An order that another one of ours made (a leg, a trigger's) was taken in."),
    "order.modify": Words("Journaled: a change is wanted."),
    "order.modify_sending": Words("A worker claimed the change: it may be at the broker."),
    "order.modified": Words("The broker took the change."),
    "order.modify_refused": Words("The broker refused the change; the order stays as it was."),
    "order.modify_unresolved": Words("Nothing is proved about a change.", "The order book tells; it is read again."),
    "order.modify_dropped": Words("The change was certainly not sent."),
    "order.modify_void": Words("A change could not be made into a request, and why."),
    "order.cancel": Words("Journaled: the order is to be cancelled."),
    "order.cancel_refused": Words("The broker refused to cancel, mostly because it was filled meanwhile."),
    "order.cancel_answered": Words("The broker's answer to a cancel."),
    "order.cancel_idle": Words("There was nothing to cancel."),
    "order.cancelling": Words("A cancel is asked for."),
    "order.duplicate_intent": Words("A decision that was journaled already came again, and made no second order."),
    "order.refused_before": Words(
        "What a failed life of the order supervisor had refused came again, and was refused again: its hold was let go."
    ),
    "order.of_an_ended_decision": Words(
        "An order of a decision that had ended meanwhile was not made: a failure had come between."
    ),
    "order.posted": Words("What came of one request, and how long it took."),
    "order.outcome_of_unknown_tag": Words(
        "A worker's outcome for a tag that the journal does not know.", "Report it: a defect."
    ),
    "order.illegal_transition": Words(
        "Two facts crossed; what is journaled stands.", "If an alert came too: compare with Kite."
    ),
    "order.book_unread": Words("The order book could not be read; it is tried again."),
    "order.trades_unread": Words("Trades could not be read; it is tried again."),
    "order.account_unread": Words("Positions or funds could not be read; it is tried again."),
    "order.followed": Words("Every order of the journal was compared with the broker's book."),
    "gtt.intent": Words("Journaled: a trigger is wanted at the broker."),
    "gtt.sending": Words("A worker claimed it: it may be at the broker."),
    "gtt.placed": Words("The broker keeps it, under this trigger id."),
    "gtt.refused": Words("The broker refused it.", "Protection is missing: see the alert that follows."),
    "gtt.unresolved": Words("Nothing is proved about it.", "The list of triggers tells; it is read again."),
    "gtt.expired": Words("Certainly never sent."),
    "gtt.modify": Words("Journaled: a change of it is wanted."),
    "gtt.modified": Words("The broker took the change."),
    "gtt.modify_refused": Words("The broker refused the change; it stays as it was."),
    "gtt.delete": Words("Journaled: it is to be deleted."),
    "gtt.triggered": Words("It fired: its order is followed from here on."),
    "gtt.closed": Words("It is gone at the broker."),
    "gtt.delete_answered": Words("The broker's answer to a deletion."),
    "gtt.duplicate_intent": Words("A wish that was journaled already came again, and made no second trigger."),
    "gtt.list_unread": Words("The list of triggers could not be read; it is tried again."),
    "gtt.void": Words("A wish could not be made into a request, and why."),
    "exits.planned": Words("A plan of exits is journaled: stop, target, trail, time."),
    "exits.ended": Words("The plan is over: the position is flat."),
    "exits.started": Words("The plans of the journal are watched again."),
    "exits.protected": Words("How long a fill was without protection."),
    "execution.started": Words("A decision that is carried out in parts began."),
    "execution.ended": Words("It is over: done, cancelled, or out of its bounds."),
    "risk.denied": Words("We refused a decision: `reason` has its name in docs/risk.md, `text` the figures."),
    "risk.state": Words(
        "The trading state changed.", "REDUCING or HALTED: `why` tells who may clear it.", "info/warning"
    ),
    "risk.stays_halted": Words(
        "Somebody wanted another state, but a halt is cleared by a person alone.", "`run.py resume`."
    ),
    "risk.rebuilt": Words("The gate's books are as the journal says; approvals of its former life are void."),
    "risk.margin_differs": Words(
        "The broker's margin for such an order and our own estimate differ by more than `margin_differs_percent`; the "
        "larger counts. `warning` where the broker asks for more.",
        "See `margin_percent_*`: our rates may be too low for what is traded.",
    ),
    "risk.figures_unread": Words(
        "The broker did not say the day's price limits, or what orders take; it is asked again. Until then the "
        "exchange judges, and our own estimate counts.",
        "With `Insufficient permission`: the plan has no quotes; set `risk.ask_broker: false`.",
    ),
    "risk.limit_near": Words(
        "A limit is used by `warn_at_percent` or more: `text` has the figures. Said once, until it was used 10 % less.",
    ),
    "risk.square_off": Words("Intraday positions of a session class are closed."),
    "risk.flat": Words("What was to be closed is closed."),
    "risk.halted_with_orders_on_the_wire": Words(
        "These requests were on their way when the halt latched.", "Watch them."
    ),
    "risk.strategy_frozen": Words(
        "A strategy may not enter any more.", "Find out why; `resume` or a restart thaws it."
    ),
    "risk.strategy_thawed": Words("It may enter again."),
    "risk.instrument_frozen": Words("An instrument may not be entered any more.", "See the difference that froze it."),
    "risk.instrument_thawed": Words("It may be entered again."),
    "reconcile.difference": Words(
        "Ours and the broker's books differ: both sides are in it.", "docs/reconciliation.md has each by name."
    ),
    "reconcile.cleared": Words("A difference is gone."),
    "reconcile.done": Words("The books were compared."),
    "reconcile.account_unread": Words("The broker's books could not be read; it is tried again."),
    "strategy.process": Words("A strategy's life began in a process of its own (`isolation: process`); its id."),
    "strategy.started": Words("A strategy's life began, with what the journal says it holds."),
    "strategy.decided": Words("A decision, on its way to the risk gate."),
    "strategy.asked": Words("A change, a cancel or a trigger was asked for."),
    "strategy.denied": Words("The risk gate refused it."),
    "strategy.voided": Words("It was approved and could not be journaled.", "Look at the disk."),
    "strategy.squared_off": Words("It decides nothing more in these instruments today."),
    "strategy.switched": Words("A person switched it on or off."),
    "strategy.is_off": Words("It is switched off and decides nothing."),
    "session.opened": Words("Logged in, or the day's token is good."),
    "session.not_open": Words(
        "No login yet; it is tried again.", "`run.py login` where a person is needed.", "warning/error"
    ),
    "session.lost": Words(
        "The broker no longer takes the token: entries stop.", "`run.py login`; trading goes on by itself."
    ),
    "session.expired": Words("06:00: the broker ended every session."),
    "broker.unknown_status": Words("A status word that nobody knew; it counts as in flight.", "Report it."),
    "feed.connected": Words("The ticker's socket is open and subscribed."),
    "feed.disconnected": Words("It is gone; it is opened again after `retry_seconds`."),
    "feed.dropped": Words("It was dropped on purpose: a drill, or silence."),
    "feed.broker_text": Words("The broker says something over the socket."),
    "feed.listener_failed": Words("A callback failed on the socket's thread.", "Report it: a defect."),
    "market.backfilled": Words("Missing bars came from history: for indicators, never for entries."),
    "market.counts": Words("What market data counted: ticks, late ones, bad ones."),
    "market.history_failed": Words("History could not be read; it is tried again."),
    "market.unknown_series": Words("Bars for a series that nobody asked for.", "Report it: a defect."),
    "portfolio.rebuilt": Words("The books are as the journal says."),
    "portfolio.peaks_not_kept": Words("The highest equity so far could not be kept; drawdown limits would begin anew."),
    "books.adjusted": Words("A person adjusted the books: a split, a bonus, an expiry.", "Compare with the broker's."),
    "books.peak_reset": Words("A person reset the peak that drawdown is measured from."),
    "execution.up": Words("Decisions that are carried out in parts are followed again."),
    "kite.unknown_status": Words("A status word that nobody knew; it counts as in flight.", "Report it."),
    "postbacks.listening": Words("Postbacks are heard at this address."),
    "postbacks.refused": Words("A postback with a wrong checksum or shape.", "Who sends it?"),
    "day.opened": Words("A trading day began, with the broker's opening cash."),
    "day.trading": Words("Everything is up: strategies may enter."),
    "day.progress": Words("How the day stands."),
    "day.ended": Words("The day is over, and why."),
    "day.failed": Words("The day ended by a failure.", "The line before says which."),
    "day.not_started": Words("Trading could not begin.", "`why` says what is missing."),
    "day.no_answer": Words("An actor did not answer while the day came to rest."),
    "clock.not_refreshed": Words("The sandbox's clock could not be read; the last one is followed."),
    "timetable.planned": Words("The day's jobs: those ahead, those passed."),
    "timetable.due": Words("A job's time has come."),
    "alert.configuration.refused": Words(
        "In the morning of a further day the files are wrong: the day begins with yesterday's settings.",
        "Mend what the text names: file, line, key; `python run.py check` says whether all is well.",
    ),
    "alert.login.needed": Words(
        "A day could not begin: a person must log in. It is said again every half minute.",
        "`python run.py login`; the day begins by itself then.",
    ),
    "day.night": Words("The day is over; the program waits for the next morning with a session."),
    "day.not_reached": Words("In the morning the broker could not be reached; it is tried again every half minute."),
    "preflight.done": Words(
        "The checklist, each line with its verdict; `verdict` is the worst of them.",
        "Do what the alert beside it says: `python run.py preflight` shows it again.",
        "info/warning/critical",
    ),
    "chore.done": Words("Something around trading was done: backup, report, list of instruments."),
    "timetable.skipped": Words("A job is not run: its time passed long ago."),
    "report.written": Words("The day's report is in `path`."),
    "report.failed": Words("It could not be written.", "`run.py report eod` makes it from the stores."),
    "report.not_written": Words("The reporter did not answer in time.", "`run.py report eod`."),
    "report.parity": Words("The day beside its backtest in a line, or why it is beside none; the report has it too."),
    "report.stale_books": Words("The books had not all of the journal yet when the report was made."),
    "report.note_not_compared": Words(
        "The day's charges could not be held against the broker's contract note: see `why`."
    ),
    "report.memory_not_saved": Words("The curve so far could not be kept; a restart would begin it anew."),
    "report.memory_unreadable": Words("The curve so far could not be read; it begins anew."),
    "operator.request": Words("A person's command, with who and why."),
    "operator.answer": Words("What came of it."),
    "operator.answer_not_kept": Words("It is done, but the outcome could not be kept.", "Look at the disk."),
    "operator.desk_unavailable": Words(
        "Commands of other terminals cannot be read.", "Look at the disk. Ctrl-C still works."
    ),
    "configuration.started": Words("The files differ from what was last in force: this start has the next version."),
    "configuration.read": Words("The files are read again; where nothing differs, nothing follows."),
    "configuration.changed": Words("A new version is journaled, with each key's old and new value, who and why."),
    "configuration.settled": Words("Every actor decides by that version: what it loosens holds as well."),
    "configuration.refused": Words(
        "The files cannot be taken over: nothing is changed.", "Read `why`: file, line, key, and what is allowed."
    ),
    "configuration.waits": Words(
        "Keys that differ and take effect later: with the next session, or after a restart.",
        "Restart the program when the market is closed, where `restart` stands beside one.",
        level="info, warning",
    ),
    "configuration.not_watched": Words(
        "The files are not watched: a saved one is not seen by itself.", "Use `run.py reload`, or SIGHUP."
    ),
    "configuration.not_kept": Words(
        "What is in force could not be kept: the next start compares with an older version.", "Look at the disk."
    ),
    "configuration.handed_over": Words("What a removed strategy held is another's, at what it cost."),
    "configuration.not_removed": Words(
        "A strategy that was taken out is still in the tree; it enters nothing.", "Look at the tree; restart."
    ),
    "dashboard.serving": Words("The dashboard listens at `address`."),
    "dashboard.command": Words("A command from the page, and what came of it."),
    "dashboard.failed": Words("A page failed.", "Report it: a defect."),
    "dashboard.guessing": Words("Somebody tries one wrong token after the other.", "Who is on this machine?"),
    "alert.delivered": Words("A channel took an alert."),
    "alert.not_delivered": Words(
        "A channel did not take it; it is tried again, after the last time no more.",
        "`run.py alerts test`.",
        "warning/error",
    ),
    "alert.heartbeat_failed": Words("The dead man's switch did not answer."),
    "alert.risk.state_not_kept": Words(
        "A halt is in force and could not be written: a restart would not know it.", "Look at the disk."
    ),
    "alert.supervisor.gave_up": Words(
        "Supervision gave up; trading is halted until a person resumes.",
        "Read the failures before it, then `run.py resume`.",
    ),
    "notify.sent": Words("A notification, where the log is the only channel.", level="as the alert's"),
    "audit.opened": Words("The audit trail goes on after this entry."),
    "audit.durable_again": Words("The trail could not be written and can be again; nothing is missing."),
    "journal.set_aside": Words("The sandbox was started anew: its trader begins with an empty journal."),
    "paper.not_kept": Words("The paper account could not be written.", "Look at the disk."),
    "recorder.dropped": Words(
        "The disk was too slow for the tape: so many entries are missing, and it cannot be replayed."
    ),
    "recorder.full": Words("The tape is as large as it may be; trading goes on without."),
    "recorder.stopped": Words("The tape could not be written; trading goes on without."),
    "recorder.unrecordable": Words("Something could not be put on the tape.", "Report it: a defect."),
    "publisher.not_written": Words("The dashboard's picture could not be written; it is tried again."),
    "status.not_written": Words("`status.json` could not be written; it is tried again."),
    "threads.written": Words("All threads' stacks are in `path`."),
    "threads.not_written": Words("They could not be written."),
    "child.started": Words("A life of an actor began."),
    "child.ready": Words("It is up."),
    "child.stopped": Words("It ended in order."),
    "child.crashed": Words(
        "It died of an error; its queued messages wait for the next life.", "Once: nothing. Often: read `reason`."
    ),
    "child.hung": Words("It did not come back from a message: fenced, and replaced.", "Read `doing`."),
    "child.restarted": Words("Its next life is up."),
    "child.gave_up": Words("It failed too often and stays down.", "Read the failures before it."),
    "supervisor.gave_up": Words("A supervisor's children failed too often."),
    "mailbox.dead_letters": Words("Messages that nobody takes any more: their actor is down or ending."),
    "mailbox.high": Words("A mailbox holds more than it should: its actor lags.", "Is the machine busy?"),
    "supervisor.listener_failed": Words("Somebody who listens to supervision failed.", "Report it: a defect."),
    "program.crashed": Words("An error that nobody expected, with its traceback.", "Report it: a defect."),
    "library.message": Words("A library's own warning.", level="as it is"),
}
