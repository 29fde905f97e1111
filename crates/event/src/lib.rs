//! Layer: pure. The milestones a machine reports.
