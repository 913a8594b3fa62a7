mod coalesce;
mod config;
mod device;
mod packets;
mod quick;
mod resolver;
mod segment;
mod uapi;
