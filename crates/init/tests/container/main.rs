//! Real units under the real PID 1, as process 1 of a PID namespace, without a VM.

mod harness;
mod services;
mod shutdown;
mod units;
