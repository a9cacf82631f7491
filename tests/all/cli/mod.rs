//! The binary as people call it: arguments and files in, whole texts and exit code out.

pub(crate) mod builder;

mod basics;
mod check;
mod connection;
mod control;
mod device_folders;
mod first;
mod formats;
mod named_commands;
mod outside;
mod pages;
mod resume;
mod run;
mod sharing;
mod tenant;
