mod config;
mod quick;
