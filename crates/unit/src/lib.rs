//! Layer: pure. Unit files, jobs and the service state machine.
