//! Threads, mailboxes, clock, drivers and configuration transactions.
